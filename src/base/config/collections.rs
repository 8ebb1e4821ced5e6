//! `[collections.NAME]`: resources that tenants store in Keyward.

use crate::base::policy::Permission;
use figment::value::magic::RelativePathBuf;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `[collections.NAME]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectionSettings {
    /// The path under the base path: `posts`, or `forms/{id}/submissions` for documents that belong to one of `forms`.
    /// `None`: the collection's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The field of a request's body that holds the document: `post` for `{"post": {…}}`. `None`: the body is the
    /// document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<String>,
    #[serde(default = "content_read")]
    pub read_permission: Permission,
    #[serde(default = "content_write")]
    pub write_permission: Permission,
    /// Whether API keys may write. Users are not affected.
    #[serde(default = "yes")]
    pub keys_may_write: bool,
    /// The fields that a list can be filtered by, with a dot between the steps: `content.mediaType`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filter_by: Vec<String>,
    /// The fields that a list can be sorted by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sort_by: Vec<String>,
    /// The largest document, in bytes of JSON; `None`: the limit of a body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<usize>,
    /// The most documents of a workspace; `None`: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_documents: Option<u32>,
    /// A file with the JSON Schema; a path relative to the configuration file that names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_file: Option<RelativePathBuf>,
    /// The JSON Schema (draft 2020-12) itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

fn content_read() -> Permission {
    Permission::ContentRead
}

fn content_write() -> Permission {
    Permission::ContentWrite
}

fn yes() -> bool {
    true
}
