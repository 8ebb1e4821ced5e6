//! `/docs`: the Swagger UI, from files that are compiled in, and `/openapi.json`, which it shows, with its twin of
//! OpenAPI 3.0.

use crate::http::unmatched;
use crate::state::State;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::{Config, SwaggerUi};

/// What is served beside the routes of the document. The redirect and the refused sign-in are among them.
pub const PATHS: [&str; 5] = [PAGE, "/openapi.json", "/openapi-3.0.json", "/docs", "/docs/token"];

const PAGE: &str = "/docs/{_:.*}";

/// The page and the document.
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

/// `/docs` without its slash, as people type it; and the page's own sign-in, which is no file of the page.
pub fn beside_page(services: &mut web::ServiceConfig) {
    services.route("/docs/token", web::to(unmatched));
    services.route("/openapi.json", web::get().to(async |state: web::Data<State>| json(state.document.clone())));
    services
        .route("/openapi-3.0.json", web::get().to(async |state: web::Data<State>| json(state.document_3_0.clone())));
    let to_page = || async { HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/")).finish() };
    services.route("/docs", web::get().to(to_page));
}

fn json(document: web::Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(document)
}
