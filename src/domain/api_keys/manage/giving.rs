//! Bounds what a caller gives to an API key: a new one, a rolled one, or one that a change lets do more.
//!
//! Each function that gives asks here, in its transaction: creation, PATCH, roll, enabling and transfer.

use super::lifecycle::KeyAccess;
use crate::base::error::{ApiError, Code};
use crate::base::policy::{CreatorRole, Scope};
use crate::domain::access::{Excess, Reach, WorkspaceAccess};

/// Checks that the caller may create keys in the workspace (`keys.min_creator_role`).
///
/// # Errors
/// `insufficient_permission`
pub fn ensure_may_create<P>(access: &WorkspaceAccess<P>, least: CreatorRole) -> Result<(), ApiError> {
    if least.admits(access.organization_role(), access.standing()) {
        return Ok(());
    }
    Err(ApiError::with_message(
        Code::InsufficientPermission,
        format!("Your role does not allow this: it takes the role {least} to give an API key what it may do."),
    ))
}

/// Checks that a caller who makes a key, or lets it do more, may create keys and has all that the key has.
///
/// # Errors
/// `insufficient_permission`
pub fn ensure_may_give<P>(access: &WorkspaceAccess<P>, least: CreatorRole, key: &Reach) -> Result<(), ApiError> {
    ensure_may_create(access, least)?;
    let excess: Vec<&str> = key.excess(access.reach()).into_iter().map(said).collect();
    if excess.is_empty() {
        return Ok(());
    }
    Err(ApiError::with_message(
        Code::InsufficientPermission,
        format!(
            "An API key or a portal session gives a key at most what it has itself: this one would have {}. Use one that \
             has as much, or sign in.",
            excess.join(", ")
        ),
    ))
}

fn said(excess: Excess) -> &'static str {
    match excess {
        Excess::Permissions => "more permissions",
        Excess::Scope => "a wider scope",
        Excess::Life => "a later end",
        Excess::Addresses => "more addresses",
    }
}

/// Which fields the caller has set in the request.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetFields {
    pub scope: bool,
    pub permissions: bool,
    pub expires_at: bool,
    pub allowed_ips: bool,
}

/// [`ensure_may_give`], whose error names a field of the request that asks for too much.
///
/// # Errors
/// `insufficient_permission`; `validation_failed` for a field that the request has set.
pub fn ensure_may_set(access: &KeyAccess, least: CreatorRole, key: &Reach, set: SetFields) -> Result<(), ApiError> {
    ensure_may_create(access, least)?;
    let own = access.reach();
    for excess in key.excess(own) {
        let (is_set, field, must) = match excess {
            Excess::Permissions => {
                let more = key.permissions.unwrap_or_default().difference(own.permissions.unwrap_or_default());
                let more = access.catalog().names_of(more);
                let more: Vec<&str> = more.iter().collect();
                let must = match more[..] {
                    [] => "must be within those of the API key that you use".to_owned(),
                    _ => format!("must be within what you have here; you lack {}", more.join(", ")),
                };
                (set.permissions, "permissions", must)
            }
            Excess::Scope => (set.scope, "scope", format!("must be {}", Scope::ReadOnly)),
            Excess::Life => {
                let end = own.ends_at.map(|end| end.to_string()).unwrap_or_default();
                (set.expires_at, "expiresAt", format!("must be at most {end}, the end of the API key that you use"))
            }
            Excess::Addresses => {
                (set.allowed_ips, "allowedIps", "must be within those of the API key that you use".to_owned())
            }
        };
        if is_set {
            return Err(ApiError::invalid(field, must));
        }
    }
    ensure_may_give(access, least, key)
}
