use super::*;
use crate::base::config::{Sources, load};
use crate::server::routes;
use std::fs;

/// A document with all operations that configuration can bring.
fn full() -> OpenApi {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let toml = "[collections.posts]\n[collections.account]\n[collections.workspace_posts]\n[billing.stripe]\nwebhook_secrets = [\"whsec_aaaaaaaaaaaaaaaaaaaaaaaa\"]\n";
    fs::write(file.path(), toml).expect("written");
    let sources = Sources { file: Some(file.path().to_owned()), ..Sources::default() };
    let config = load(&sources).unwrap_or_else(|error| panic!("{error}"));
    let catalog = config.permission_catalog().expect("permissions");
    routes::document(&config, &routes::compile_collections(&config, &catalog).expect("collections"))
}

fn for_each(document: &OpenApi, mut check: impl FnMut(&str, &str, &Operation)) {
    for (path, item) in &document.paths.paths {
        let methods = [("GET", &item.get), ("POST", &item.post), ("PUT", &item.put), ("PATCH", &item.patch)];
        for (method, operation) in methods.into_iter().chain([("DELETE", &item.delete)]) {
            if let Some(operation) = operation {
                check(method, path, operation);
            }
        }
    }
}

#[test]
fn every_operation_declares_the_errors_that_its_credentials_path_method_and_body_can_cause() {
    let mut count = 0;
    for_each(&full(), |method, path, operation| {
        count += 1;
        let has = |status: &str| operation.responses.responses.contains_key(status);
        let mut needed = vec!["400", "500", "503"];
        let is_public = operation.security.as_ref().is_none_or(Vec::is_empty);
        if !is_public {
            needed.extend(["401", "403", "429"]);
            needed.extend((path.contains('{') || method != "GET").then_some("404"));
            needed.extend((method != "GET").then_some(["409", "422"]).into_iter().flatten());
            needed.extend(operation.request_body.is_some().then_some("415"));
        }
        needed.extend(operation.request_body.is_some().then_some("413"));
        let conditional = operation.parameters.iter().flatten().any(|parameter| match parameter {
            RefOr::T(parameter) => parameter.name == "If-Match",
            RefOr::Ref(_) => false,
        });
        needed.extend(conditional.then_some("412"));
        let missing: Vec<_> = needed.into_iter().filter(|status| !has(status)).collect();
        assert!(missing.is_empty(), "{method} {path} does not declare {missing:?}: name a set of `openapi::errors`");
        assert!(!is_public || !has("401"), "{method} {path} takes no credential, and declares 401");
    });
    assert!(count > 60, "{count} operations");
}

#[test]
fn operations_have_ids_of_one_style_and_no_two_the_same() {
    let mut ids = Vec::new();
    for_each(&full(), |_, path, operation| {
        let id = operation.operation_id.clone().unwrap_or_else(|| panic!("{path} has no operationId"));
        assert!(id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{id}");
        ids.push(id);
    });
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn the_public_address_is_a_server_unless_it_is_this_machine() {
    let urls = |public: &str| {
        let mut config = load(&Sources::default()).unwrap_or_else(|error| panic!("{error}"));
        config.server.public_url = public.to_owned();
        servers(&config).into_iter().map(|server| server.url).collect::<Vec<_>>()
    };
    assert_eq!(urls("http://localhost:8080"), ["/"]);
    assert_eq!(urls("http://[::1]:8080"), ["/"]);
    assert_eq!(urls("https://localhost.example.com"), ["/", "https://localhost.example.com"]);
}
