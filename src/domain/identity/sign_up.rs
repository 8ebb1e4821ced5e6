//! Who may become a user: `identity.sign_up`.

use super::BUILTIN_ISSUER;
use crate::base::config::SignUp;
use crate::base::error::{ApiError, Code};
use crate::base::sql::Conn;
use crate::base::time::Timestamp;
use crate::domain::delegation::Invitation;
use crate::domain::tenancy::{Profile, User};

/// Returns whether a person with this address may become a user.
///
/// # Errors
/// Database errors.
pub(in crate::domain) fn admits(
    conn: &mut Conn,
    sign_up: SignUp,
    email: Option<&str>,
    now: Timestamp,
) -> Result<bool, ApiError> {
    match (sign_up, email) {
        (SignUp::Open, _) => Ok(true),
        (SignUp::Invited, Some(email)) => Invitation::is_pending_for(conn, email, now),
        (SignUp::Invited, None) | (SignUp::Closed, _) => Ok(false),
    }
}

/// Checks the first token of a person. An account of the built-in provider was checked when it was made. Another issuer's
/// address counts only if it is verified: otherwise a person could claim an invited one.
///
/// # Errors
/// `insufficient_permission` for a person whom `sign_up` does not admit, or a database error.
pub(super) fn check_profile(
    conn: &mut Conn,
    sign_up: SignUp,
    profile: &Profile,
    now: Timestamp,
) -> Result<(), ApiError> {
    if sign_up == SignUp::Open || profile.issuer == BUILTIN_ISSUER || User::is_known(conn, profile)? {
        return Ok(());
    }
    let email = profile.email.as_deref().filter(|_| profile.email_verified);
    if admits(conn, sign_up, email, now)? {
        return Ok(());
    }
    let message = match sign_up {
        SignUp::Closed => "This server takes no new people. Ask the people who run it for access.",
        SignUp::Open | SignUp::Invited => {
            "This server takes new people by invitation only. Ask for an invitation to your verified e-mail address."
        }
    };
    Err(ApiError::with_message(Code::InsufficientPermission, message))
}
