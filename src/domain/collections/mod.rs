//! Resources that tenants store in Keyward, declared in the configuration: `[collections.NAME]`.
//!
//! [`Collections`] has the declared collections, compiled and checked once. `collection` has one of them, `path` its
//! path, `schema` the shape of its documents, `numbers` and `number_rule` their numbers, `field` the fields for filters and
//! orders, `key` their SQL. `store` compares the collections with the database at the start, and makes an index for
//! each field. `access` has the guard of a request. `body` reads documents from requests, `model` has the rows, and
//! `listing` the lists. `api::collections` has the endpoints and their part of the OpenAPI document.
//!
//! Programs find a collection at `/v1/posts`, in the workspace of their key; people at
//! `/v1/workspaces/{workspaceId}/posts`, in any workspace that they have a role in.

pub(crate) mod access;
pub(crate) mod body;
mod collection;
pub(crate) mod field;
mod key;
pub(crate) mod listing;
pub(crate) mod model;
mod number_rule;
mod numbers;
pub(crate) mod path;
pub(crate) mod schema;
mod store;

pub use access::{CollectionAccess, Intent, Read, Write};
pub use collection::{Collection, Collections};
pub use model::Document;
pub use path::DOCUMENT_ID;
pub use store::{forget, kept, prepare};
