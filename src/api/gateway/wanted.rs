//! The permissions that a gateway asks for.

use crate::base::error::ApiError;
use crate::base::policy::{KeyPermissions, MAX_NAME_LENGTH, PermissionCatalog, PermissionRef, PermissionSet};
use arrayvec::ArrayString;
use serde::{Deserialize, Deserializer};

/// The name of a permission as it was asked for. It needs no allocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct PermissionName(ArrayString<MAX_NAME_LENGTH>);

impl<'de> Deserialize<'de> for PermissionName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        // A text that is too long is no permission: the empty one is none either.
        Ok(Self(ArrayString::from(&text).unwrap_or_default()))
    }
}

/// Permissions that a key must have.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedPermissions {
    /// It must have all of them.
    #[schema(value_type = Option<Vec<String>>, example = json!(["invoices:read"]))]
    all: Option<Vec<PermissionName>>,
    /// It must have at least one of them.
    #[schema(value_type = Option<Vec<String>>, example = json!(["invoices:write", "invoices:void"]))]
    any: Option<Vec<PermissionName>>,
}

/// The permissions that a key must have, as sets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    all: PermissionSet,
    /// `None` if nothing of several is wanted.
    any: Option<PermissionSet>,
}

impl Wanted {
    /// Finds the permissions of a request. Cost: a binary search for each name, and no allocation.
    ///
    /// # Errors
    /// `validation_failed` for a name that is not declared, and for a list that wants nothing.
    pub(super) fn of(
        catalog: &PermissionCatalog,
        one: Option<&PermissionName>,
        several: Option<&WantedPermissions>,
    ) -> Result<Self, ApiError> {
        let mut wanted = Self::default();
        if let Some(name) = one {
            wanted.all = wanted.all.with(find(catalog, name, || "permission".to_owned())?);
        }
        let Some(several) = several else { return Ok(wanted) };
        if several.all.is_none() && several.any.is_none() {
            return Err(ApiError::invalid("permissions", "must have all, any or both"));
        }
        let set_of = |list: &[PermissionName], field: &str, so_far: PermissionSet| {
            if list.is_empty() {
                return Err(ApiError::invalid(format!("permissions.{field}"), "must name at least one permission"));
            }
            list.iter().enumerate().try_fold(so_far, |set, (place, name)| {
                Ok(set.with(find(catalog, name, || format!("permissions.{field}[{place}]"))?))
            })
        };
        if let Some(all) = &several.all {
            wanted.all = set_of(all, "all", wanted.all)?;
        }
        wanted.any = several.any.as_ref().map(|any| set_of(any, "any", PermissionSet::EMPTY)).transpose()?;
        Ok(wanted)
    }

    /// Returns whether a key has what is wanted. Cost: a few operations on bits.
    pub(super) fn is_had_by(self, key: &KeyPermissions) -> bool {
        let has_one = |any: PermissionSet| any.intersection(key.effective()) != PermissionSet::EMPTY;
        self.all.is_subset(key.effective()) && self.any.is_none_or(has_one)
    }
}

fn find(
    catalog: &PermissionCatalog,
    name: &PermissionName,
    field: impl Fn() -> String,
) -> Result<PermissionRef, ApiError> {
    catalog.find(&name.0).ok_or_else(|| ApiError::invalid(field(), catalog.choices()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::policy::{Scope, WorkspaceRole};
    use serde_json::json;

    #[test]
    fn all_and_any_are_held_against_the_keys_set() {
        let catalog = PermissionCatalog::compile([]).unwrap();
        let key = catalog.of_key(catalog.built_in(WorkspaceRole::Editor), Scope::Full);
        let had = |permissions: serde_json::Value| {
            let asked: WantedPermissions = serde_json::from_value(permissions).unwrap();
            Wanted::of(&catalog, None, Some(&asked)).map(|wanted| wanted.is_had_by(&key)).map_err(|error| error.message)
        };
        assert_eq!(had(json!({ "all": ["content:read", "content:write"] })), Ok(true));
        assert_eq!(had(json!({ "all": ["content:read", "keys:manage"] })), Ok(false));
        assert_eq!(had(json!({ "any": ["keys:manage", "content:write"] })), Ok(true));
        assert_eq!(had(json!({ "any": ["keys:manage", "members:manage"] })), Ok(false));
        assert_eq!(had(json!({ "all": ["content:read"], "any": ["keys:manage"] })), Ok(false));
        assert_eq!(had(json!({ "all": ["organization:read"] })), Ok(false));
        for nothing in [json!({}), json!({ "all": [] }), json!({ "any": [] }), json!({ "any": ["a:b"] })] {
            assert!(had(nothing).is_err());
        }
    }
}
