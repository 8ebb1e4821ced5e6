//! Names of permissions that keys and roles have, and that the configuration does not declare.

use crate::base::error::ApiError;
use crate::base::policy::{PermissionCatalog, PermissionNames};
use crate::base::sql::Conn;
use crate::base::sql::schema::{api_keys, roles};
use diesel::prelude::*;
use std::collections::BTreeMap;

/// The most keys, and the most roles, that are looked at: the newest.
const LOOKED_AT: i64 = 10_000;
/// The most ids of each kind that are named for a permission.
const NAMED: usize = 10;

/// Where an undeclared permission is named.
#[derive(Debug, Default)]
pub struct NamedBy {
    /// At most ten ids of roles.
    pub roles: Vec<String>,
    /// At most ten ids of keys.
    pub keys: Vec<String>,
}

/// Returns the undeclared permissions by name. Two statements, by primary key and by the index of keys with a list.
///
/// # Errors
/// Database errors.
pub fn undeclared(conn: &mut Conn, catalog: &PermissionCatalog) -> Result<BTreeMap<String, NamedBy>, ApiError> {
    let of_roles: Vec<(String, PermissionNames)> =
        roles::table.select((roles::id, roles::permissions)).order(roles::id.desc()).limit(LOOKED_AT).load(conn)?;
    let of_keys: Vec<(String, Option<PermissionNames>)> = api_keys::table
        .filter(api_keys::permissions.is_not_null())
        .select((api_keys::id, api_keys::permissions))
        .order(api_keys::id.desc())
        .limit(LOOKED_AT)
        .load(conn)?;
    let mut found: BTreeMap<String, NamedBy> = BTreeMap::new();
    let mut note = |names: &PermissionNames, id: &str, list: fn(&mut NamedBy) -> &mut Vec<String>| {
        for name in names.iter().filter(|name| catalog.find_of_workspace(name).is_none()) {
            let ids = list(found.entry(name.to_owned()).or_default());
            if ids.len() < NAMED {
                ids.push(id.to_owned());
            }
        }
    };
    for (id, names) in &of_roles {
        note(names, id, |named| &mut named.roles);
    }
    for (id, names) in &of_keys {
        note(names.as_ref().unwrap_or(&PermissionNames::default()), id, |named| &mut named.keys);
    }
    Ok(found)
}
