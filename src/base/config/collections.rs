//! `[collections.NAME]`: resources that tenants store in Keyward.

use super::permissions::find_of_workspace;
use crate::base::policy::{Permission, PermissionCatalog, PermissionRef};
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
    /// The permission to read documents. `None`: `NAME:read`, which the collection declares by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_permission: Option<String>,
    /// The permission to write documents. `None`: `NAME:write`, which the collection declares by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_permission: Option<String>,
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

impl CollectionSettings {
    /// Returns the permissions to read and to write documents of the collection with this name. A collection whose own
    /// permission would have the name of one of Keyward's takes that to read or write content.
    ///
    /// # Errors
    /// A text for the operator, which names the key.
    pub fn permissions(
        &self,
        name: &str,
        catalog: &PermissionCatalog,
    ) -> Result<(PermissionRef, PermissionRef), String> {
        let of = |named: &Option<String>, own: String, content: Permission| match named {
            Some(named) => find_of_workspace(catalog, named),
            None if own.parse::<Permission>().is_ok() => Ok(content.reference()),
            None => find_of_workspace(catalog, &own),
        };
        let read = of(&self.read_permission, format!("{name}:read"), Permission::ContentRead);
        let write = of(&self.write_permission, format!("{name}:write"), Permission::ContentWrite);
        let read = read.map_err(|reason| format!("read_permission: {reason}"))?;
        let write = write.map_err(|reason| format!("write_permission: {reason}"))?;
        if write.is_read() {
            let named = self.write_permission.as_deref().unwrap_or_default();
            return Err(format!("write_permission: {named} is kept by read-only keys; name another"));
        }
        Ok((read, write))
    }
}

fn yes() -> bool {
    true
}
