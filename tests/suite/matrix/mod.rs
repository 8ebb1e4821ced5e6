//! Matrices over every route, drawn from the OpenAPI document that the server serves: who may call it
//! ([`roles`], [`services`]), whether it hides other tenants ([`tenants`], [`cursors`]), whether it looks at authority again
//! ([`authority`]), and what it does with malformed requests ([`malformed`]).
//!
//! A route that is added to the product must be added to the [`table`]: one row, and all matrices cover it. Until then
//! they fail and name it.

mod authority;
mod callers;
mod cursors;
mod document;
mod documents;
mod failures;
mod malformed;
pub mod reply;
mod roles;
mod schema;
mod services;
mod table;
mod tenants;
mod world;

use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [
        authority::all(),
        cursors::tests(),
        document::tests(),
        malformed::tests(),
        roles::tests(),
        services::tests(),
        tenants::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
