//! Parts of HTTP requests: bodies, pages of lists, path parameters, the client's address, and the route table.

mod body;
mod client_address;
mod pagination;
mod route_table;

pub use body::{Body, BodyLimit};
pub use client_address::{client_address, is_from_this_machine};
pub use pagination::{ListScope, Page, PageQuery, query};
pub use route_table::{RouteId, RouteTable, unmatched};

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
