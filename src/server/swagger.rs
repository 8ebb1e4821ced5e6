//! `/docs`: the Swagger UI, from embedded files, and `/openapi.json`, which it shows, with its twin of OpenAPI 3.0.

use super::openapi;
use crate::api::collections::schemas;
use crate::base::config::Server;
use crate::base::error::ApiError;
use crate::domain::collections::Collections;
use crate::infra::http::unmatched;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use std::future::ready;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

/// The paths that are served but not in the document, with the redirect and the refused sign-in.
pub const PATHS: [&str; 5] = [PAGE, "/openapi.json", "/openapi-3.0.json", "/docs", "/docs/token"];

const PAGE: &str = "/docs/{_:.*}";

/// Adds the page, the document, the redirect from `/docs`, and an error for `/docs/token`, which is no file of the page.
pub fn services(services: &mut web::ServiceConfig, server: &Server) {
    services.route("/docs/token", web::to(unmatched));
    services.route("/openapi.json", web::get().to(async |document: web::Data<Document>| json(document.v3_1.clone())));
    services
        .route("/openapi-3.0.json", web::get().to(async |document: web::Data<Document>| json(document.v3_0.clone())));
    let to_page = || async { HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/")).finish() };
    services.route("/docs", web::get().to(to_page));
    // Not with `persist_authorization`, which keeps passwords in the browser's storage.
    let settings = Config::new(["/openapi.json"])
        .try_it_out_enabled(true)
        .display_request_duration(true)
        .default_models_expand_depth(0)
        .filter(true);
    let page = Arc::new(Page { settings: Arc::new(settings), policy: policy(server) });
    services.route(PAGE, web::get().to(move |path: web::Path<String>| ready(page.file(&path))));
}

/// The Swagger UI.
struct Page {
    settings: Arc<Config<'static>>,
    policy: String,
}

impl Page {
    fn file(&self, path: &str) -> Result<HttpResponse, ApiError> {
        let found = utoipa_swagger_ui::serve(path, self.settings.clone())
            .map_err(|error| ApiError::internal(error.to_string()))?;
        let file = found.ok_or_else(ApiError::not_found)?;
        let mut response = HttpResponse::Ok();
        if file.gzpipped {
            response.insert_header((header::CONTENT_ENCODING, header::ContentEncoding::Gzip));
        }
        response
            .content_type(with_charset(file.content_type))
            .insert_header((header::CONTENT_SECURITY_POLICY, self.policy.as_str()))
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .insert_header((header::REFERRER_POLICY, "no-referrer"))
            .insert_header((header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
        Ok(response.body(file.bytes.into_owned()))
    }
}

/// Adds the encoding to the media type of a text.
fn with_charset(media: String) -> String {
    if media.starts_with("text/") && !media.contains("charset") { format!("{media}; charset=utf-8") } else { media }
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

/// The OpenAPI document of this configuration, as JSON.
pub struct Document {
    v3_1: Bytes,
    v3_0: Bytes,
}

impl Document {
    /// Serializes a collected document.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn new(document: &OpenApi, collections: &Collections) -> Result<Self, String> {
        let texts = openapi::Texts::new(document, &schemas(collections))?;
        Ok(Self { v3_1: texts.v3_1.into(), v3_0: texts.v3_0.into() })
    }
}

fn json(document: Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(document)
}
