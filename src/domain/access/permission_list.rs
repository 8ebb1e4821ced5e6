//! Checks the list of permissions that a request gives to a key or a role.

use crate::base::error::{ApiError, FieldError};
use crate::base::policy::{MAX_NAME_LENGTH, PermissionCatalog, PermissionNames, PermissionSet};

/// Checks that names are permissions of workspaces, each named once, and among those that may be listed. `whose` says who
/// has those, as in "the key's owner". Returns them in the order of the catalogue.
///
/// # Errors
/// `validation_failed`, which names each name at fault.
pub fn checked_list(
    catalog: &PermissionCatalog,
    names: &PermissionNames,
    may: PermissionSet,
    whose: &str,
) -> Result<PermissionNames, ApiError> {
    if names.0.is_empty() {
        return Err(ApiError::invalid("permissions", "must name at least one permission"));
    }
    if names.0.len() > PermissionSet::CAPACITY {
        let message = format!("must name at most {} permissions", PermissionSet::CAPACITY);
        return Err(ApiError::invalid("permissions", message));
    }
    let mut set = PermissionSet::EMPTY;
    let mut faults = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let fault = match catalog.find(name) {
            None => format!("must be a declared permission; {} is none", shown(name)),
            Some(_) if catalog.find_of_workspace(name).is_none() => {
                format!("must be a permission of workspaces; {name} is of organizations")
            }
            Some(permission) if set.contains(permission) => format!("must not be named twice: {name}"),
            Some(permission) if !may.contains(permission) => {
                format!("must be within what {whose} has in the workspace now; {name} is not")
            }
            Some(permission) => {
                set = set.with(permission);
                continue;
            }
        };
        faults.push(FieldError { field: format!("permissions[{place}]"), message: fault });
        // More would say nothing new.
        if faults.len() == MAX_FAULTS {
            break;
        }
    }
    if faults.is_empty() { Ok(catalog.names_of(set)) } else { Err(ApiError::invalid_fields(faults)) }
}

/// The most faults that an error names.
const MAX_FAULTS: usize = 20;

/// Returns the name for a message, unless it could be no name.
fn shown(name: &str) -> &str {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-:".contains(&byte);
    let is_name = (1..=MAX_NAME_LENGTH).contains(&name.len()) && name.bytes().all(is_plain);
    if is_name { name } else { "this" }
}
