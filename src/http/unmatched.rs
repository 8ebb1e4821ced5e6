//! The answer to a path or a method that no route has: 404, or 405 with `Allow`.
//!
//! actix answers 404 for both, since each method is a route of its own. The OpenAPI document knows all routes, so it
//! tells the two apart.

use crate::error::ApiError;
use actix_web::dev::ResourceDef;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::openapi::OpenApi;

/// Every path of the application with its methods.
#[derive(Clone)]
pub struct RouteTable(Vec<(ResourceDef, String)>);

impl RouteTable {
    /// Collects the table from the document.
    pub fn new(document: &OpenApi) -> Self {
        let routes = document.paths.paths.iter().map(|(path, item)| {
            let methods = [
                ("GET", &item.get),
                ("POST", &item.post),
                ("PUT", &item.put),
                ("PATCH", &item.patch),
                ("DELETE", &item.delete),
            ];
            let allow: Vec<&str> =
                methods.into_iter().filter(|(_, operation)| operation.is_some()).map(|(name, _)| name).collect();
            (ResourceDef::new(path.as_str()), allow.join(", "))
        });
        Self(routes.collect())
    }

    fn refusal(&self, path: &str) -> ApiError {
        match self.0.iter().find(|(pattern, _)| pattern.is_match(path)) {
            Some((_, allow)) => ApiError::method_not_allowed(allow),
            None => ApiError::not_found(),
        }
    }
}

/// The default service, of the application and of each scope.
pub async fn unmatched(req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let table = req.app_data::<web::Data<RouteTable>>();
    Err(table.map_or_else(ApiError::not_found, |table| table.refusal(req.path())))
}
