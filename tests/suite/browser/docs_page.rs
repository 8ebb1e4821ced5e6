//! The Swagger UI: what it weighs, how it is cached, and how it looks on a narrow screen.

use super::run;
use crate::support::{Backend, Server, tests_once};
use flate2::read::GzDecoder;
use reqwest::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderMap, IF_NONE_MATCH, VARY};
use serde_json::json;
use std::io::Read;

tests_once![
    the_page_and_the_document_are_compressed_and_cached,
    the_page_is_keywards_own,
    the_page_fits_a_narrow_screen,
    the_root_leads_to_the_page,
];

/// A file of the server, with these headers.
async fn fetch(
    server: &Server,
    path: &str,
    headers: &[(reqwest::header::HeaderName, &str)],
) -> (u16, HeaderMap, Vec<u8>) {
    let mut request = reqwest::Client::new().get(server.url(path));
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.bytes().await.expect("a body").to_vec())
}

fn text(headers: &HeaderMap, name: reqwest::header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The files that the page names.
fn files_of(page: &str) -> Vec<String> {
    let named = page.split(['"']).filter(|part| part.contains("?v="));
    named.map(|name| format!("/docs/{name}")).collect()
}

async fn the_page_and_the_document_are_compressed_and_cached() {
    let server = Server::start(Backend::Sqlite).await;
    let (_, _, page) = fetch(&server, "/docs/", &[]).await;
    let files = files_of(&String::from_utf8(page).expect("text"));
    assert!(files.len() >= 5, "{files:?}");
    let rest = ["/docs/".to_owned(), "/openapi.json".to_owned(), "/openapi-3.0.json".to_owned()];
    let mut weight = 0;
    for path in files.iter().chain(&rest) {
        let (status, plain_headers, plain) = fetch(&server, path, &[]).await;
        assert_eq!((status, text(&plain_headers, CONTENT_ENCODING)), (200, ""), "{path}");
        let (status, headers, body) = fetch(&server, path, &[(ACCEPT_ENCODING, "br;q=1, gzip;q=0.8, *;q=0.1")]).await;
        assert_eq!((status, text(&headers, CONTENT_ENCODING), text(&headers, VARY)), (200, "gzip", "Accept-Encoding"));
        weight += body.len();
        let mut unpacked = Vec::new();
        GzDecoder::new(&*body).read_to_end(&mut unpacked).expect("gzip");
        assert!(unpacked == plain, "{path}: another content");
        let (_, refused, _) = fetch(&server, path, &[(ACCEPT_ENCODING, "gzip;q=0, identity")]).await;
        assert_eq!(text(&refused, CONTENT_ENCODING), "", "{path}");

        let cached = if path.contains("?v=") { "public, max-age=31536000, immutable" } else { "no-cache" };
        assert_eq!(text(&headers, CACHE_CONTROL), cached, "{path}");
        let (etag, plain_etag) = (text(&headers, ETAG), text(&plain_headers, ETAG));
        assert!(etag.starts_with('"') && etag != plain_etag, "{path}: two forms, two tags: {etag} {plain_etag}");
        let known = format!("\"other\", W/{etag}");
        let asked = [(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, known.as_str())];
        let (status, headers, body) = fetch(&server, path, &asked).await;
        assert_eq!((status, body.len(), text(&headers, ETAG)), (304, 0, etag), "{path}");
        let (status, ..) = fetch(&server, path, &[(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, "\"other\"")]).await;
        assert_eq!(status, 200, "{path}");
    }
    // It was 2.9 MB, and the document 0.9 MB.
    assert!(weight < 700_000, "{weight} bytes");
    // A URL of an older version is not kept under its name.
    let (_, headers, _) = fetch(&server, "/docs/swagger-ui.css?v=0123456789abcdef", &[]).await;
    assert_eq!(text(&headers, CACHE_CONTROL), "no-cache");
}

async fn the_page_is_keywards_own() {
    let server = Server::start(Backend::Sqlite).await;
    let page = server.get("/docs/").send().await.expect(200);
    for part in ["<title>Keyward API</title>", "name=\"viewport\"", "rel=\"icon\"", "<html lang=\"en\">"] {
        assert!(page.text.contains(part), "{part} is not in {}", page.text);
    }
    let icon = files_of(&page.text).into_iter().find(|file| file.contains("icon.svg")).expect("an icon");
    let icon = server.get(&icon).send().await.expect(200);
    assert_eq!(icon.header("content-type"), Some("image/svg+xml"));
    assert!(icon.text.starts_with("<svg"), "{}", icon.text);
    server.get("/docs/nothing.js").send().await.expect_error(404, "not_found");
}

async fn the_page_fits_a_narrow_screen() {
    let server = Server::start(Backend::Sqlite).await;
    for width in [390, 1280] {
        let seen = run("layout.mjs", json!({ "url": server.url("/docs/"), "width": width, "card": ".opblock" })).await;
        assert_eq!(seen["page"]["scroll"], width, "it scrolls sideways: {seen}");
    }
}

async fn the_root_leads_to_the_page() {
    let server = Server::start(Backend::Sqlite).await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let answer = client.get(server.url("/")).send().await.expect("an answer");
    // Temporary: a console will be there.
    assert_eq!((answer.status().as_u16(), text(answer.headers(), reqwest::header::LOCATION)), (307, "/docs/"));
    let closed = Server::with(Backend::Sqlite, |config| config.docs.enabled = false).await;
    closed.get("/").send().await.expect_error(404, "not_found");
}
