//! `[permissions]`: the permissions of the product behind Keyward.

use super::Config;
use crate::base::policy::{
    Declared, LeastRole, MAX_DECLARED, MAX_NAME_LENGTH, Origin, Permission, PermissionCatalog, PermissionRef,
};
use serde::{Deserialize, Serialize};

/// A permission of `[permissions]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermissionSettings {
    /// The least built-in role that has it; `none` for a permission of custom roles only.
    pub least_role: LeastRole,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Config {
    /// Compiles the catalogue of all permissions: Keyward's own, those of `[permissions]`, and those of collections.
    ///
    /// # Errors
    /// A text for the operator, which names the key.
    pub fn permission_catalog(&self) -> Result<PermissionCatalog, String> {
        if self.permissions.len() > MAX_DECLARED {
            return Err(format!("permissions: there are {}, and {MAX_DECLARED} at most", self.permissions.len()));
        }
        if let Some(name) = self.permissions.keys().find(|name| !is_name(name)) {
            return Err(format!(
                "permissions.{name:?}: must be a resource and an action such as \"invoices:read\": small letters, digits, _ \
                 and -, with a colon between the parts, {MAX_NAME_LENGTH} characters at most"
            ));
        }
        let product = self.permissions.iter().map(|(name, settings)| Declared {
            name: name.clone(),
            description: settings.description.clone(),
            least_role: settings.least_role,
            origin: Origin::Product,
        });
        PermissionCatalog::compile(product.chain(self.of_collections()))
    }

    /// Returns the permissions that collections declare by themselves: those that their settings don't replace, unless
    /// `[permissions]` has them.
    fn of_collections(&self) -> Vec<Declared> {
        let mut declared = Vec::new();
        for (collection, settings) in &self.collections {
            let read = (&settings.read_permission, "read", LeastRole::Viewer);
            let write = (&settings.write_permission, "write", LeastRole::Editor);
            for (replaced, action, least_role) in [read, write] {
                let name = format!("{collection}:{action}");
                let is_known = self.permissions.contains_key(&name) || name.parse::<Permission>().is_ok();
                if replaced.is_none() && !is_known {
                    let description = Some(format!("{action} documents of the collection {collection}"));
                    declared.push(Declared { name, description, least_role, origin: Origin::Collection });
                }
            }
        }
        declared
    }
}

/// Finds the permission that a setting names.
pub(super) fn find(catalog: &PermissionCatalog, name: &str) -> Result<PermissionRef, String> {
    catalog.find(name).ok_or_else(|| format!("{name:?} {}; declare others in [permissions]", catalog.choices()))
}

/// [`find`] for a setting that takes only permissions of workspaces.
pub(super) fn find_of_workspace(catalog: &PermissionCatalog, name: &str) -> Result<PermissionRef, String> {
    find(catalog, name)?;
    let found = catalog.find_of_workspace(name);
    found.ok_or_else(|| format!("{name} is of organizations; name one of workspaces"))
}

fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
    };
    name.len() <= MAX_NAME_LENGTH && name.contains(':') && name.split(':').all(is_part)
}
