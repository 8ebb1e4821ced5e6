//! What every request goes through, whatever it asks for.
//!
//! [`stack()`] wraps the application. In [`pipeline`] a request gets its [`request_id`] and its [`limits`], and its answer is
//! written ([`errors`]), counted and told of (`telemetry`). [`authentication`] wraps the API's scope. Handlers use [`Body`], [`PageQuery`] and [`path_parameter`];
//! those that are asked all the time answer with [`json()`](crate::base::json::json), and in the usual case by a [`shortcut`].

mod body;
mod client_address;
mod pagination;
mod route_table;

pub use body::{Body, BodyLimit};
pub use client_address::client_address;
pub use pagination::{ListScope, Page, PageQuery, query};
pub use route_table::{RouteId, RouteTable, unmatched};

use crate::base::error::ApiError;
use actix_web::HttpRequest;
use std::str::FromStr;

/// A parameter of the path, such as an id.
///
/// # Errors
/// `bad_request` when it is malformed; `internal` when the route has no such parameter.
pub fn path_parameter<T: FromStr<Err = String>>(req: &HttpRequest, name: &str) -> Result<T, ApiError> {
    let text =
        req.match_info().get(name).ok_or_else(|| ApiError::internal(format!("the route has no parameter {name}")))?;
    text.parse().map_err(|reason| ApiError::bad_request(format!("{name} in the path {reason}.")))
}
