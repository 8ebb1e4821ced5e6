//! [`CollectionRoutes`]: a collection's endpoints, as one service that also documents itself.

use super::{documentation, handlers};
use crate::domain::collections::{Collection, Collections};
use crate::infra::http::unmatched;
use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::web;
use std::sync::Arc;
use utoipa::openapi::path::Paths;
use utoipa::openapi::{RefOr, Schema};
use utoipa_actix_web::OpenApiFactory;
use utoipa_actix_web::service_config::ServiceConfig;

/// Mounts the endpoints of all collections.
pub fn routes(collections: &Collections) -> impl FnOnce(&mut ServiceConfig<'_>) {
    |services| {
        for collection in collections.iter() {
            services.service(CollectionRoutes(Arc::clone(collection)));
        }
    }
}

/// The endpoints of one collection, for programs and for people.
#[derive(Debug)]
pub struct CollectionRoutes(pub Arc<Collection>);

impl HttpServiceFactory for CollectionRoutes {
    fn register(self, config: &mut AppService) {
        let [list, document, peoples_list, peoples_document] = self.0.all_paths("");
        for path in [list, peoples_list] {
            web::resource(path)
                .app_data(Arc::clone(&self.0))
                .get(handlers::list)
                .post(handlers::create)
                .default_service(web::to(unmatched))
                .register(config);
        }
        for path in [document, peoples_document] {
            web::resource(path)
                .app_data(Arc::clone(&self.0))
                .get(handlers::read)
                .put(handlers::replace)
                .patch(handlers::change)
                .delete(handlers::delete)
                .default_service(web::to(unmatched))
                .register(config);
        }
    }
}

impl OpenApiFactory for CollectionRoutes {
    fn paths(&self) -> Paths {
        documentation::paths(&self.0)
    }

    fn schemas(&self, _: &mut Vec<(String, RefOr<Schema>)>) {}
}
