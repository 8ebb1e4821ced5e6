//! [`RouteTable`]: finds the route of a request cheaply, and answers a path or a method without a route.
//!
//! actix answers 404 in both cases, since each method is a route of its own. The OpenAPI document has all routes, so
//! the table answers 405 where only the method is wrong.

use super::credentials;
use crate::base::error::ApiError;
use crate::base::policy::ServicePermission;
use actix_web::dev::ResourceDef;
use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::{OpenApi, RefOr};

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
    /// The methods that change something and take no body.
    without_body: Vec<Method>,
    /// What to send to each method without a credential.
    advice: Vec<(Method, String)>,
    /// The methods that service tokens may use, and what each takes.
    for_services: Vec<(Method, ServicePermission)>,
    /// The methods that portal sessions may use.
    for_portals: Vec<Method>,
}

/// Every path of the application with its methods.
pub struct RouteTable {
    routes: Vec<Route>,
    // Callers choose the lookups, but not the entries, so a fast hash is enough.
    by_template: HashMap<String, RouteId, foldhash::fast::RandomState>,
    headers: DocumentedHeaders,
}

/// The headers that the routes read and write, in lower case, by the document.
#[derive(Clone, Debug, Default)]
pub struct DocumentedHeaders {
    pub read: BTreeSet<String>,
    pub written: BTreeSet<String>,
}

impl RouteTable {
    /// Creates the table of the document's paths and the undocumented ones.
    pub fn new(document: &OpenApi, undocumented: &[&str]) -> Self {
        let documented = document.paths.paths.iter().map(|(path, item)| {
            let operations = operations_of(item);
            let mut allow: Vec<&str> = operations.iter().map(|(method, _)| method.as_str()).collect();
            // HEAD is answered as GET is.
            if let Some(place) = allow.iter().position(|name| *name == "GET") {
                allow.insert(place + 1, "HEAD");
            }
            let without_body =
                operations.iter().filter(|(method, operation)| !method.is_safe() && operation.request_body.is_none());
            let without_body = without_body.map(|(method, _)| method.clone()).collect();
            let advice = operations
                .iter()
                .filter_map(|(method, operation)| Some((method.clone(), credentials::advice(operation, document)?)))
                .collect();
            let (for_services, for_portals) = credentials_of(&operations);
            let allow = allow.join(", ");
            (path.clone(), Route { allow, without_body, advice, for_services, for_portals, ..Route::of(path) })
        });
        let beside = undocumented.iter().map(|path| ((*path).to_owned(), Route::of(path)));
        let none = ("(none)".to_owned(), Route::of("(none)"));
        let headers = DocumentedHeaders::of(document);
        let mut table = Self { routes: Vec::new(), by_template: HashMap::default(), headers };
        for (template, route) in std::iter::once(none).chain(documented).chain(beside) {
            if !table.by_template.contains_key(&template) {
                if template != "(none)" {
                    table.by_template.insert(template, RouteId(table.routes.len()));
                }
                table.routes.push(route);
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

    /// Returns whether a request changes something and takes no body. Tries all patterns.
    pub fn takes_no_body(&self, method: &Method, path: &str) -> bool {
        let mut matching = self.routes.iter().filter(|route| route.pattern.is_match(path));
        matching.any(|route| route.without_body.contains(method))
    }

    /// Returns what a request without a credential is answered: the credentials that its route takes. `None` if the
    /// document names none. Tries all patterns.
    pub fn advice_on_credentials(&self, method: &Method, path: &str) -> Option<&str> {
        let matching = self.routes.iter().filter(|route| route.pattern.is_match(path));
        let (_, advice) = matching.flat_map(|route| &route.advice).find(|(of, _)| of == method)?;
        Some(advice)
    }

    /// Returns what a service token must be allowed to for a request that actix has routed; `None` where none is taken.
    pub fn service_permission(&self, req: &HttpRequest) -> Option<ServicePermission> {
        let route = self.routes.get(self.of_request(req).index())?;
        let taken = route.for_services.iter().find(|(method, _)| method == req.method());
        taken.map(|(_, permission)| *permission)
    }

    /// Returns whether portal sessions are taken for a request that actix has routed.
    pub fn takes_portal_session(&self, req: &HttpRequest) -> bool {
        let route = self.routes.get(self.of_request(req).index());
        route.is_some_and(|route| route.for_portals.contains(req.method()))
    }

    /// Returns whether portal sessions are taken for any method of a path. Tries all patterns.
    pub fn has_portal(&self, path: &str) -> bool {
        self.routes.iter().any(|route| !route.for_portals.is_empty() && route.pattern.is_match(path))
    }

    /// The headers that the routes read and write.
    pub fn headers(&self) -> &DocumentedHeaders {
        &self.headers
    }

    fn refusal(&self, path: &str) -> ApiError {
        match self.routes.iter().find(|route| !route.allow.is_empty() && route.pattern.is_match(path)) {
            Some(route) => ApiError::method_not_allowed(&route.allow),
            None => ApiError::not_found(),
        }
    }
}

impl Route {
    /// A route that no operation is documented of.
    fn of(template: &str) -> Self {
        Self {
            template: template.to_owned(),
            pattern: ResourceDef::new(template),
            allow: String::new(),
            without_body: Vec::new(),
            advice: Vec::new(),
            for_services: Vec::new(),
            for_portals: Vec::new(),
        }
    }
}

/// The name of a service token in the document's security requirements.
pub const SERVICE_TOKEN: &str = "serviceToken";
/// The extension of an operation that names the permission which a service token needs.
pub const SERVICE_PERMISSION: &str = "x-service-permission";
/// The name of a portal session in the document's security requirements.
pub const PORTAL_SESSION: &str = "portalSession";

/// Returns the methods that service tokens may use, with what each takes, and those that portal sessions may use.
fn credentials_of(operations: &[(Method, &Operation)]) -> (Vec<(Method, ServicePermission)>, Vec<Method>) {
    let (mut services, mut portals) = (Vec::new(), Vec::new());
    for (method, operation) in operations {
        let named = operation.extensions.as_ref().and_then(|all| all.get(SERVICE_PERMISSION));
        let permission = named.and_then(|name| name.as_str()?.parse().ok());
        services.extend(permission.map(|permission| (method.clone(), permission)));
        for requirement in operation.security.iter().flatten() {
            // Its fields are private.
            let Ok(Value::Object(schemes)) = serde_json::to_value(requirement) else { continue };
            portals.extend(schemes.contains_key(PORTAL_SESSION).then(|| method.clone()));
        }
    }
    (services, portals)
}

impl DocumentedHeaders {
    fn of(document: &OpenApi) -> Self {
        let shared = document.components.as_ref().map(|components| &components.responses);
        let (mut read, mut written) = (BTreeSet::new(), BTreeSet::new());
        for (_, operation) in document.paths.paths.values().flat_map(operations_of) {
            for parameter in operation.parameters.iter().flatten() {
                if let RefOr::T(parameter) = parameter
                    && parameter.parameter_in == ParameterIn::Header
                {
                    read.insert(parameter.name.to_ascii_lowercase());
                }
            }
            for response in operation.responses.responses.values() {
                let response = match response {
                    RefOr::T(response) => Some(response),
                    RefOr::Ref(reference) => {
                        let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
                        shared.and_then(|shared| match shared.get(name)? {
                            RefOr::T(response) => Some(response),
                            RefOr::Ref(_) => None,
                        })
                    }
                };
                let names = response.into_iter().flat_map(|response| response.headers.keys());
                written.extend(names.map(|name| name.to_ascii_lowercase()));
            }
        }
        Self { read, written }
    }
}

/// The operations of a path that may have handlers.
fn operations_of(item: &PathItem) -> Vec<(Method, &Operation)> {
    let all = [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::PATCH, &item.patch),
        (Method::DELETE, &item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?))).collect()
}

/// The default service of the application and of each scope.
pub async fn unmatched(routes: web::Data<RouteTable>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    Err(routes.refusal(req.path()))
}
