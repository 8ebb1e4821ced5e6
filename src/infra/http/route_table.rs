//! [`RouteTable`]: finds the route of a request cheaply, and answers a path or a method without a route.
//!
//! actix answers 404 in both cases, since each method is a route of its own. The OpenAPI document has all routes, so
//! the table answers 405 where only the method is wrong.

use crate::base::error::ApiError;
use actix_web::dev::ResourceDef;
use actix_web::{HttpRequest, HttpResponse, web};
use std::collections::HashMap;
use utoipa::openapi::OpenApi;

/// A position in the [`RouteTable`], which log lines and metrics use in place of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteId(usize);

impl RouteId {
    /// All unknown paths, so that callers can't create labels.
    pub const NONE: Self = Self(0);

    /// Returns the position in [`RouteTable::templates`].
    pub fn index(self) -> usize {
        self.0
    }
}

struct Route {
    template: String,
    pattern: ResourceDef,
    /// The methods as in the header `Allow`; empty for undocumented pages.
    allow: String,
}

/// Every path of the application with its methods.
pub struct RouteTable {
    routes: Vec<Route>,
    // Callers choose the lookups, but not the entries, so a fast hash is enough.
    by_template: HashMap<String, RouteId, foldhash::fast::RandomState>,
}

impl RouteTable {
    /// Creates the table of the document's paths and the undocumented ones.
    pub fn new(document: &OpenApi, undocumented: &[&str]) -> Self {
        let documented = document.paths.paths.iter().map(|(path, item)| {
            let methods = [
                ("GET", &item.get),
                ("POST", &item.post),
                ("PUT", &item.put),
                ("PATCH", &item.patch),
                ("DELETE", &item.delete),
            ];
            let allow: Vec<&str> =
                methods.into_iter().filter(|(_, operation)| operation.is_some()).map(|(name, _)| name).collect();
            (path.clone(), allow.join(", "))
        });
        let beside = undocumented.iter().map(|path| ((*path).to_owned(), String::new()));
        let mut table = Self { routes: Vec::new(), by_template: HashMap::default() };
        table.routes.push(Route { template: "(none)".into(), pattern: ResourceDef::new("(none)"), allow: "".into() });
        for (template, allow) in documented.chain(beside) {
            if !table.by_template.contains_key(&template) {
                table.by_template.insert(template.clone(), RouteId(table.routes.len()));
                table.routes.push(Route { pattern: ResourceDef::new(template.as_str()), template, allow });
            }
        }
        table
    }

    /// Returns the templates, in the order of [`RouteId::index`].
    pub fn templates(&self) -> impl ExactSizeIterator<Item = &str> {
        self.routes.iter().map(|route| route.template.as_str())
    }

    /// Returns a route's template, such as `/v1/workspaces/{workspaceId}`.
    pub fn template(&self, route: RouteId) -> &str {
        self.routes.get(route.0).map_or("(none)", |route| &route.template)
    }

    /// Returns the route of a path without parameters. Cost: one lookup in a map, about 10 ns, no allocation.
    pub fn of_plain_path(&self, path: &str) -> Option<RouteId> {
        self.by_template.get(path).copied()
    }

    /// Returns the route that actix has chosen. Cost: actix builds the template anew, about 100 ns and an allocation.
    /// If it has not chosen yet, as for a refused credential, it tries all patterns, which takes microseconds.
    pub fn of_request(&self, req: &HttpRequest) -> RouteId {
        req.match_pattern().and_then(|template| self.of_plain_path(&template)).unwrap_or(RouteId::NONE)
    }

    /// Returns the route of a path, without its request. Tries all patterns.
    pub fn of_path(&self, path: &str) -> RouteId {
        self.routes.iter().position(|route| route.pattern.is_match(path)).map_or(RouteId::NONE, RouteId)
    }

    fn refusal(&self, path: &str) -> ApiError {
        match self.routes.iter().find(|route| !route.allow.is_empty() && route.pattern.is_match(path)) {
            Some(route) => ApiError::method_not_allowed(&route.allow),
            None => ApiError::not_found(),
        }
    }
}

/// The default service of the application and of each scope.
pub async fn unmatched(routes: web::Data<RouteTable>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Err(routes.refusal(req.path()))
}
