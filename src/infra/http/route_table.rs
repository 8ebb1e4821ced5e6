//! [`RouteTable`]: which route a request is for, cheaply, and the answer to a path or a method that no route has.
//!
//! actix answers 404 for both, since each method is a route of its own. The OpenAPI document knows all routes, so it
//! tells the two apart.

use crate::base::error::ApiError;
use actix_web::dev::ResourceDef;
use actix_web::{HttpRequest, HttpResponse, web};
use std::collections::HashMap;
use utoipa::openapi::OpenApi;

/// A place in the [`RouteTable`]: what log lines and metrics keep of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteId(usize);

impl RouteId {
    /// No route of ours. All unknown paths are this one, so that nobody can make new names by asking for them.
    pub const NONE: Self = Self(0);

    /// From 0 to the number of routes.
    pub fn index(self) -> usize {
        self.0
    }
}

struct Route {
    template: String,
    pattern: ResourceDef,
    /// The methods, as `Allow` has them; empty for pages beside the document.
    allow: String,
}

/// Every path of the application with its methods.
pub struct RouteTable {
    routes: Vec<Route>,
    // Callers choose what is looked up, but not what is in it: a fast hash will do.
    by_template: HashMap<String, RouteId, foldhash::fast::RandomState>,
}

impl RouteTable {
    /// The table of the document, and of the paths that it leaves out.
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

    /// The templates, in the order of [`RouteId::index`].
    pub fn templates(&self) -> impl ExactSizeIterator<Item = &str> {
        self.routes.iter().map(|route| route.template.as_str())
    }

    /// A route's template, such as `/v1/workspaces/{workspaceId}`.
    pub fn template(&self, route: RouteId) -> &str {
        self.routes.get(route.0).map_or("(none)", |route| &route.template)
    }

    /// The route of a path without parameters: one look into a map, about 10 ns, no allocation.
    pub fn of_plain_path(&self, path: &str) -> Option<RouteId> {
        self.by_template.get(path).copied()
    }

    /// The route that actix has chosen. It builds the template anew, about 100 ns and an allocation; before actix has
    /// chosen, as for a refused credential, it tries all patterns, which takes microseconds.
    pub fn of_request(&self, req: &HttpRequest) -> RouteId {
        req.match_pattern().and_then(|template| self.of_plain_path(&template)).unwrap_or(RouteId::NONE)
    }

    /// The route of a path whose request is gone. Tries all patterns.
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

/// The default service, of the application and of each scope.
pub async fn unmatched(routes: web::Data<RouteTable>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Err(routes.refusal(req.path()))
}
