//! Validators and linters accept the committed documents, and those of a configuration with collections and billing.

use super::{configure, tools};
use crate::support::{Backend, Server, tests_once};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

tests_once![
    openapi_spec_validator_accepts_each_document,
    spectral_has_neither_errors_nor_warnings,
    redocly_has_neither_errors_nor_warnings,
    the_linters_find_a_fault,
];

/// The committed documents, and those of a server.
async fn documents(directory: &Path) -> Vec<PathBuf> {
    let server = Server::with(Backend::Sqlite, configure).await;
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi");
    let mut files = vec![committed.join("keyward.json"), committed.join("keyward-3.0.json")];
    for name in ["openapi.json", "openapi-3.0.json"] {
        let file = directory.join(name);
        let text = server.get(&format!("/{name}")).send().await.expect(200).text;
        fs::write(&file, text).expect("the document can be written");
        files.push(file);
    }
    files
}

async fn openapi_spec_validator_accepts_each_document() {
    let files = documents(&tools::workshop("validator")).await;
    let mut command = tools::python("openapi-spec-validator");
    command.args(&files);
    let printed = tools::run(command).await;
    assert_eq!(printed.matches(": OK").count(), files.len(), "{printed}");
}

async fn spectral_has_neither_errors_nor_warnings() {
    let files = documents(&tools::workshop("spectral")).await;
    let mut command = tools::node("spectral");
    command.args(["lint", "--fail-severity", "hint", "--ruleset"]).arg(tools::sources().join("spectral.yaml"));
    command.args(&files);
    tools::run(command).await;
}

async fn redocly_has_neither_errors_nor_warnings() {
    let files = documents(&tools::workshop("redocly")).await;
    let mut command = tools::node("redocly");
    command.args(["lint", "--format", "json", "--config"]).arg(tools::sources().join("redocly.yaml")).args(&files);
    let printed = tools::run(command).await;
    let reports = serde_json::Deserializer::from_str(&printed).into_iter::<Value>();
    let reports: Result<Vec<Value>, _> = reports.collect();
    let reports = reports.unwrap_or_else(|error| panic!("{error}: {printed}"));
    assert_eq!(reports.len(), files.len(), "{printed}");
    for report in reports {
        assert_eq!(report["totals"], json!({ "errors": 0, "warnings": 0, "ignored": 0 }), "{report:#}");
    }
}

async fn the_linters_find_a_fault() {
    let directory = tools::workshop("faults");
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/keyward.json");
    let mut document: Value = serde_json::from_slice(&fs::read(committed).expect("a file")).expect("JSON");
    let schemas = &mut document["components"]["schemas"];
    schemas["Interval"] = json!({ "type": "object", "default": "hour" });
    let file = directory.join("openapi.json");
    fs::write(&file, document.to_string()).expect("written");
    let mut validator = tools::python("openapi-spec-validator");
    validator.arg(&file);
    let mut spectral = tools::node("spectral");
    spectral.args(["lint", "--fail-severity", "hint", "--ruleset"]).arg(tools::sources().join("spectral.yaml"));
    spectral.arg(&file);
    for mut command in [validator, spectral] {
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs");
        assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
