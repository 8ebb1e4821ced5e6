//! `[collections.NAME]`: resources that tenants keep in Keyward.

use crate::base::policy::Permission;
use figment::value::magic::RelativePathBuf;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `[collections.NAME]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectionSettings {
    /// Where it is, under the base path: `posts`, or `forms/{id}/submissions` for what belongs to a document of `forms`.
    /// The collection's name if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The field of a request's body that the document is in: `post` for `{"post": {…}}`. None: the body is the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<String>,
    /// What it takes to read.
    #[serde(default = "content_read")]
    pub read_permission: Permission,
    /// What it takes to write.
    #[serde(default = "content_write")]
    pub write_permission: Permission,
    /// Whether API keys may write; people always may.
    #[serde(default = "yes")]
    pub keys_may_write: bool,
    /// The fields that a list can be filtered by, with a dot between the steps: `content.mediaType`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filter_by: Vec<String>,
    /// The fields that a list can be sorted by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sort_by: Vec<String>,
    /// The largest document, in bytes of JSON; as large as a body if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<usize>,
    /// The most documents of a workspace; any number if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_documents: Option<u32>,
    /// A file with the JSON Schema; a relative path starts at the file that names it.
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
