//! Parts of HTTP requests: bodies, queries, pages of lists, path parameters, the client's address, headers that decide
//! something, and the route table.

mod body;
mod client_address;
mod credentials;
mod deciding_headers;
mod pagination;
pub mod portal_cors;
mod query;
mod route_table;

pub use body::{Bodies, Body, ensure_no_body};
pub use client_address::{client_address, is_from_this_machine};
pub use deciding_headers::{DecidingHeader, only, refuse_repeated};
pub use pagination::{FOREIGN_CURSOR, ListScope, Page, PageQuery};
pub use query::{has_parameter, query, query_beside};
pub use route_table::{
    DocumentedHeaders, PORTAL_SESSION, RouteId, RouteTable, SERVICE_PERMISSION, SERVICE_TOKEN, unmatched,
};

use crate::base::error::ApiError;
use actix_web::HttpRequest;
use std::str::FromStr;

/// Returns a parameter of the path, such as an id.
///
/// # Errors
/// `bad_request` if it is malformed; `internal` if the route has no such parameter.
pub fn path_parameter<T: FromStr<Err = String>>(req: &HttpRequest, name: &str) -> Result<T, ApiError> {
    let text =
        req.match_info().get(name).ok_or_else(|| ApiError::internal(format!("the route has no parameter {name}")))?;
    text.parse().map_err(|reason| ApiError::bad_request(format!("{name} in the path {reason}.")))
}
