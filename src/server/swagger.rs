//! `/docs`: the Swagger UI, from embedded files, and `/openapi.json`, which it shows, with its twin of OpenAPI 3.0.

use super::openapi;
use crate::api::collections::schemas;
use crate::domain::collections::Collections;
use crate::infra::http::unmatched;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The paths that are served but not in the document, with the redirect and the refused sign-in.
pub const PATHS: [&str; 5] = [PAGE, "/openapi.json", "/openapi-3.0.json", "/docs", "/docs/token"];

const PAGE: &str = "/docs/{_:.*}";

/// Returns the Swagger UI.
pub fn page() -> SwaggerUi {
    SwaggerUi::new(PAGE).config(
        Config::new(["/openapi.json"])
            .try_it_out_enabled(true)
            .persist_authorization(true)
            .display_request_duration(true)
            .default_models_expand_depth(0)
            .filter(true),
    )
}

/// Adds the document, the redirect from `/docs`, and an error for `/docs/token`, which is no file of the page.
pub fn beside_page(services: &mut web::ServiceConfig) {
    services.route("/docs/token", web::to(unmatched));
    services.route("/openapi.json", web::get().to(async |document: web::Data<Document>| json(document.v3_1.clone())));
    services
        .route("/openapi-3.0.json", web::get().to(async |document: web::Data<Document>| json(document.v3_0.clone())));
    let to_page = || async { HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/")).finish() };
    services.route("/docs", web::get().to(to_page));
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
