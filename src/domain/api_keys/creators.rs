//! Finds the creator of keys by the operator's text.

use crate::base::error::ApiError;
use crate::base::ids::{UserId, WorkspaceId};
use crate::base::input::email::TypedEmail;
use crate::base::sql::Conn;
use crate::base::sql::schema::{api_keys, users};
use diesel::prelude::*;

/// Returns the user who created keys in the workspace, by id or e-mail address, or a message for the operator when no
/// single user matches. An id is not looked up, and the user may have left the workspace.
///
/// # Errors
/// Database errors.
pub fn creator_in(conn: &mut Conn, workspace: WorkspaceId, named: &str) -> Result<Result<UserId, String>, ApiError> {
    if let Ok(id) = named.parse() {
        return Ok(Ok(id));
    }
    let typed: Option<TypedEmail> = named.parse().ok();
    let forms = typed.as_ref().map(TypedEmail::stored_forms).unwrap_or_default();
    let creators: Vec<UserId> = users::table
        .inner_join(api_keys::table)
        .filter(api_keys::workspace_id.eq(workspace).and(users::email.eq_any(forms)))
        .select(users::id)
        .distinct()
        .order(users::id)
        .load(conn)?;
    Ok(match creators[..] {
        [only] => Ok(only),
        [] => Err("nobody with that id or address has keys in the workspace".to_owned()),
        _ => Err(format!("several people have that address; name one by id: {creators:?}")),
    })
}
