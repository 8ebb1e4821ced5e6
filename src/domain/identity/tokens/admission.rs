//! Which users of an issuer may sign in: [`AdmissionSettings`] against a token's claims.

use super::fault::TokenFault;
use crate::base::config::AdmissionSettings;
use serde_json::{Map, Value};

/// Checks that the claims are those of a user who may sign in.
pub(super) fn check(settings: &AdmissionSettings, claims: &Map<String, Value>) -> Result<(), TokenFault> {
    if !settings.allow_anonymous && is_anonymous(claims) {
        return Err(TokenFault::new("anonymous: the user has not signed in, and allow_anonymous is off"));
    }
    match settings.required_claims.iter().find(|claim| !claim.is_in(claims)) {
        Some(claim) => Err(TokenFault::new(format!("{}: required_claims demands another value", claim.name))),
        None => Ok(()),
    }
}

/// Returns whether the issuer made up the user: Firebase by the provider, Supabase by a claim of its own.
fn is_anonymous(claims: &Map<String, Value>) -> bool {
    let of_firebase = claims.get("firebase").and_then(|firebase| firebase.get("sign_in_provider"));
    let of_supabase = claims.get("is_anonymous");
    of_firebase.is_some_and(|provider| provider == "anonymous")
        || of_supabase.is_some_and(|truth| *truth == Value::Bool(true) || truth == "true")
}
