//! `/docs/`: the Swagger UI, from embedded files. `/openapi.json`, which it shows, and its twin of OpenAPI 3.0.

mod document;
mod file;
mod page;

pub use document::Document;

use crate::base::config::Server;
use crate::infra::http::unmatched;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use page::Page;
use std::future::ready;
use std::sync::Arc;

/// The paths that are served but not in the document, with the redirects and the refused sign-in.
pub const PATHS: [&str; 6] = ["/", PAGE, "/openapi.json", "/openapi-3.0.json", "/docs", "/docs/token"];

const PAGE: &str = "/docs/{_:.*}";
const PAGE_START: &str = "/docs/";

/// Adds the page, the document, the redirects to the page, and an error for `/docs/token`, which is no file of the page.
pub fn services(services: &mut web::ServiceConfig, server: &Server) {
    services.route("/docs/token", web::to(unmatched));
    services.route(
        "/openapi.json",
        web::get().to(async |req: HttpRequest, document: web::Data<Document>| document.v3_1().answer(&req)),
    );
    services.route(
        "/openapi-3.0.json",
        web::get().to(async |req: HttpRequest, document: web::Data<Document>| document.v3_0().answer(&req)),
    );
    // Not permanent: browsers would remember it after `/` has a page of its own.
    services.route("/", web::get().to(|| ready(to_page(HttpResponse::TemporaryRedirect()))));
    services.route("/docs", web::get().to(|| ready(to_page(HttpResponse::PermanentRedirect()))));
    let policy: Arc<str> = policy(server).into();
    services.route(
        PAGE,
        web::get().to(move |req: HttpRequest, path: web::Path<String>| {
            let found = Page::get().answer(&req, &path);
            ready(found.map(|response| with_headers(response, &policy)))
        }),
    );
}

fn to_page(mut redirect: actix_web::HttpResponseBuilder) -> HttpResponse {
    redirect.insert_header((header::LOCATION, PAGE_START)).finish()
}

/// Adds the headers that keep the page to itself.
fn with_headers(mut response: HttpResponse, policy: &str) -> HttpResponse {
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Returns the page's Content-Security-Policy: its own scripts, and requests to this server, by the address that the
/// document names too. Swagger UI sets inline styles, and its icons are data URLs.
fn policy(server: &Server) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self' {}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
        origin(&server.public_url)
    )
}

/// Returns scheme, host and port of a URL.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find(['/', ';', ' ', ',']).map_or(url, |end| &url[..host + end])
}
