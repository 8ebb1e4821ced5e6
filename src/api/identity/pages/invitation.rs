//! The page that links of mailed invitations open: a person signs up or signs in there, and joins.
//!
//! As in [`super::action`], opening the link changes nothing; the button sends the change. All invalid tokens get the
//! same page.

use super::html::{escape, page};
use crate::api::State;
use crate::api::errors;
use crate::base::error::{ApiError, Code};
use crate::base::input::validation;
use crate::domain::identity::provider::{FirebaseError, FirebaseRefusal};
use crate::domain::invitations::InvitationToken;
use crate::domain::invitations::accept_mailed::Invited;
use actix_web::http::StatusCode;
use actix_web::{Error, HttpRequest, HttpResponse, get, post, web};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// What a link says.
#[derive(Deserialize, utoipa::IntoParams)]
pub(super) struct InvitationLink {
    /// The mailed token.
    #[param(value_type = String, required = false)]
    token: Option<SecretString>,
}

/// What a person typed.
#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct JoinForm {
    /// The mailed token.
    #[schema(value_type = String)]
    token: SecretString,
    /// The account's password: a new one, where the address has no account.
    #[schema(value_type = String)]
    password: SecretString,
    /// The new account's name.
    name: Option<String>,
}

/// The page of an invitation
///
/// HTML for a person: a form that signs up, or in, and accepts.
#[utoipa::path(
    tag = "Identity",
    security(()),
    params(InvitationLink),
    responses(
        errors::Public,
        (status = 200, description = "The form.", body = String, content_type = "text/html"),
        (status = 400, description = "The link is not good (any more).", body = String, content_type = "text/html"),
    )
)]
#[get("/__/auth/invitation")]
pub async fn invitation_page(state: web::Data<State>, link: web::Query<InvitationLink>) -> Result<HttpResponse, Error> {
    let Some(token) = link.into_inner().token else { return Ok(invalid()) };
    Ok(form(&state, token, None).await?)
}

/// Join by a mailed invitation
///
/// The form of the page.
#[utoipa::path(
    operation_id = "submit_invitation",
    tag = "Identity",
    security(()),
    request_body(content = JoinForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        errors::Public, errors::TooLarge,
        (status = 200, description = "A member now.", body = String, content_type = "text/html"),
        (status = 400, description = "The link is not good, or the password is not.", body = String,
            content_type = "text/html"),
    )
)]
#[post("/__/auth/invitation")]
pub async fn join(state: web::Data<State>, req: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Error> {
    let body = crate::api::identity::firebase::read(&state, payload).await?;
    let Ok(JoinForm { token, password, name }) = serde_urlencoded::from_bytes(&body) else { return Ok(invalid()) };
    let builtin = state.identity.builtin()?;
    let Some(invited) = builtin.look_at_invitation(InvitationToken::from(token.clone())).await? else {
        return Ok(invalid());
    };
    let name = match name.as_deref().map(str::trim).filter(|name| !name.is_empty()).map(validation::name) {
        None => None,
        Some(Ok(name)) => Some(name.into_string()),
        Some(Err(reason)) => return Ok(form(&state, token, Some(&format!("The name {reason}"))).await?),
    };
    let address = crate::api::identity::firebase::address_of(&state, &req);
    match builtin.join(address, InvitationToken::from(token.clone()), password, name).await {
        Ok(()) => Ok(done(&invited)),
        Err(FirebaseRefusal::Firebase(refusal)) => match fault_of(refusal) {
            Some(fault) => Ok(form(&state, token, Some(&fault)).await?),
            None => Ok(refused(refusal)),
        },
        Err(FirebaseRefusal::Api(error)) => match error.code {
            Code::NotFound => Ok(invalid()),
            Code::Conflict => Ok(failed("You are a member of this organization already. Sign in there.")),
            Code::InvalidIdToken => Ok(refused(FirebaseError::UserDisabled)),
            _ => Err(error.into()),
        },
    }
}

/// Returns the message for a fault that the person can correct in the form. The invitation stays valid.
fn fault_of(refusal: FirebaseError) -> Option<String> {
    match refusal {
        FirebaseError::InvalidLoginCredentials => Some("This is not the account's password".to_owned()),
        FirebaseError::EmailExists => Some("This address has an account by now. Sign in with its password".to_owned()),
        other => other.about_password(),
    }
}

/// Renders the form for a valid token, with the fault of the last attempt.
async fn form(state: &State, token: SecretString, fault: Option<&str>) -> Result<HttpResponse, ApiError> {
    let invited = state.identity.builtin()?.look_at_invitation(InvitationToken::from(token.clone())).await?;
    let Some(Invited { email, organization, has_account }) = invited else { return Ok(invalid()) };
    let (organization, email, token) = (escape(&organization), escape(&email), escape(token.expose_secret()));
    let fault = fault.map_or_else(String::new, |fault| format!("<p class=fault role=alert>{}.</p>", escape(fault)));
    let (what, fields, button) = match has_account {
        true => (
            "This address has an account. Sign in with its password to join.",
            "<label for=password>Password</label><input id=password name=password type=password maxlength=4096 \
             autocomplete=current-password required autofocus>"
                .to_owned(),
            "Sign in and join",
        ),
        false => (
            "Choose a password: it makes your account and signs you up.",
            format!(
                "<label for=name>Your name (optional)</label><input id=name name=name maxlength={} autocomplete=name>\
                 <label for=password>Password</label><input id=password name=password type=password minlength={} \
                 maxlength=4096 autocomplete=new-password required>",
                validation::NAME_LIMIT,
                state.config.identity.min_password_length
            ),
            "Sign up and join",
        ),
    };
    let status = if fault.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let body = format!(
        "<p>For <strong>{email}</strong></p><p>{what}</p>{fault}<form method=post action=\"/__/auth/invitation\">\
         <input type=hidden name=username autocomplete=username value=\"{email}\">\
         <input type=hidden name=token value=\"{token}\">{fields}<button>{button}</button></form>"
    );
    Ok(page(status, &format!("Join {organization}"), &body))
}

fn done(invited: &Invited) -> HttpResponse {
    let (organization, email) = (escape(&invited.organization), escape(&invited.email));
    let body = format!(
        "<p>For <strong>{email}</strong></p><p>You are a member of <strong>{organization}</strong> now. Sign in there \
         with this address and your password.</p>"
    );
    page(StatusCode::OK, "Welcome", &body)
}

/// The one page for all invalid tokens, so that it does not reveal whether a token existed.
fn invalid() -> HttpResponse {
    failed(
        "This invitation is not valid. It may have been used, withdrawn or replaced by a newer one, or it is too old. Ask \
         whoever invited you for a new one.",
    )
}

fn refused(refusal: FirebaseError) -> HttpResponse {
    failed(match refusal {
        FirebaseError::UserDisabled => "This account is disabled.",
        _ => "Too many attempts were made. Wait some minutes, then open the link again: it is still good.",
    })
}

fn failed(text: &str) -> HttpResponse {
    page(StatusCode::BAD_REQUEST, "This did not work", &format!("<p>{text}</p>"))
}
