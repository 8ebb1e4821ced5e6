//! [`Documented`]: a route's place in the document, where the route itself is mounted elsewhere.

use actix_web::dev::{AppService, HttpServiceFactory};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::Paths;
use utoipa::openapi::schema::Schema;
use utoipa_actix_web::OpenApiFactory;

/// What `#[utoipa::path]` says of a handler, for the document of a scope that does not serve it.
pub struct Documented<P>(pub P);

impl<P: OpenApiFactory> OpenApiFactory for Documented<P> {
    fn paths(&self) -> Paths {
        self.0.paths()
    }

    fn schemas(&self, schemas: &mut Vec<(String, RefOr<Schema>)>) {
        self.0.schemas(schemas);
    }
}

impl<P> HttpServiceFactory for Documented<P> {
    fn register(self, _: &mut AppService) {}
}
