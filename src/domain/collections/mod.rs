//! Resources that tenants keep in Keyward, declared by configuration: `[collections.NAME]`.
//!
//! [`Collections`] is what configuration declares, compiled and checked once: `collection` one of them, `path` where it
//! is, `schema` what its documents look like, `field` what a list can be filtered and sorted by. `store` compares them with
//! the database at the start, and keeps an index for each field. A request passes a guard of `access`, which knows the
//! collection from its route, and ends in `handlers`; `body` reads what is sent, `model` has the rows and `listing` the lists. `documentation` puts
//! the configured routes into the OpenAPI document.
//!
//! Programs find a collection at `/v1/posts`, in the workspace of their key; people at
//! `/v1/workspaces/{workspaceId}/posts`, in any workspace that they have a role in.

pub(crate) mod access;
pub(crate) mod body;
mod collection;
pub(crate) mod field;
pub(crate) mod listing;
pub(crate) mod model;
pub(crate) mod path;
pub(crate) mod schema;
mod store;

pub use access::{CollectionAccess, Intent, Read, Write};
pub use collection::{Collection, Collections};
pub use model::Document;
pub use path::DOCUMENT_ID;
pub use store::{forget, kept, prepare};
