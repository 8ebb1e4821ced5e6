//! The page that links of mailed invitations open: a person signs up or signs in there, and joins.
//!
//! As in [`super::action`], opening the link changes nothing; the button sends the change. All invalid tokens get the
//! same page.

use super::html::{Form, PasswordField, done, failed, refused};
use super::onward::Onward;
use crate::api::State;
use crate::api::errors;
use crate::base::error::{ApiError, Code};
use crate::base::input::validation;
use crate::domain::identity::provider::{FirebaseError, FirebaseRefusal};
use crate::domain::invitations::accept_mailed::Invited;
use crate::domain::invitations::{InvitationToken, MAY_NOT_GIVE};
use crate::infra::request::RequestContext;
use actix_web::{Error, HttpResponse, get, post, web};
use askama::Template;
use askama::filters::HtmlSafe;
use secrecy::SecretString;
use serde::Deserialize;

/// What a link says.
#[derive(Deserialize, utoipa::IntoParams)]
pub(super) struct InvitationLink {
    /// The mailed token.
    #[param(value_type = String, required = false)]
    token: Option<SecretString>,
}

/// The fields of the form.
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
    let Some(token) = link.into_inner().token else { return Ok(invalid()?) };
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
pub async fn join(state: web::Data<State>, payload: web::Payload) -> Result<HttpResponse, Error> {
    let body = crate::api::identity::firebase::read(&state, payload).await?;
    let Ok(JoinForm { token, password, name }) = serde_urlencoded::from_bytes(&body) else { return Ok(invalid()?) };
    let builtin = state.identity.builtin()?;
    let Some(invited) = builtin.look_at_invitation(InvitationToken::from(token.clone())).await? else {
        return Ok(invalid()?);
    };
    let name = match name.as_deref().map(str::trim).filter(|name| !name.is_empty()).map(validation::name) {
        None => None,
        Some(Ok(name)) => Some(name.into_string()),
        Some(Err(reason)) => return Ok(form(&state, token, Some(&format!("The name {reason}"))).await?),
    };
    let (address, onward) = (RequestContext::client_address(), Onward::new(&state, None));
    match builtin.join(address, InvitationToken::from(token.clone()), password, name).await {
        Ok(()) => Ok(done("Welcome", &invited.email, Joined(&invited.organization), &onward)?),
        Err(FirebaseRefusal::Firebase(refusal)) => match fault_of(&refusal) {
            Some(fault) => Ok(form(&state, token, Some(&fault)).await?),
            None if refusal == FirebaseError::AdminOnlyOperation => {
                Ok(failed(CLOSED, onward.sign_in().into_iter().collect())?)
            }
            None => Ok(refused(&refusal, None, &onward)?),
        },
        Err(FirebaseRefusal::Api(error)) => match error.code {
            Code::NotFound => Ok(invalid()?),
            Code::Conflict => {
                let text =
                    "You are a member of this organization already. Sign in with this address and your password.";
                Ok(failed(text, onward.sign_in().into_iter().collect())?)
            }
            Code::InsufficientPermission => Ok(failed(MAY_NOT_GIVE, Vec::new())?),
            Code::InvalidIdToken => Ok(refused(&FirebaseError::UserDisabled, None, &onward)?),
            _ => Err(error.into()),
        },
    }
}

/// The refusal of a sign-up while `identity.sign_up` is `closed`.
const CLOSED: &str = "This server takes no new people, so this invitation can't make an account. Ask the people who run it \
    for one, then follow this link again.";

/// What the person can mend in the form; the invitation is still good.
fn fault_of(refusal: &FirebaseError) -> Option<String> {
    match refusal {
        FirebaseError::InvalidLoginCredentials => Some("This is not the account's password".to_owned()),
        FirebaseError::EmailExists => Some("This address has an account by now. Sign in with its password".to_owned()),
        other => other.about_password(),
    }
}

/// Renders the form for a valid token, with the fault of the last attempt.
async fn form(state: &State, token: SecretString, fault: Option<&str>) -> Result<HttpResponse, ApiError> {
    let builtin = state.identity.builtin()?;
    let invited = builtin.look_at_invitation(InvitationToken::from(token.clone())).await?;
    let Some(Invited { email, organization, has_account }) = invited else { return invalid() };
    let (text, min_length, button) = match has_account {
        true => ("This address has an account. Sign in with its password to join.", None, "Sign in and join"),
        false => (
            "Choose a password: it makes your account and signs you up.",
            Some(builtin.config.identity.min_password_length),
            "Sign up and join",
        ),
    };
    let onward = Onward::new(state, None);
    let forgotten = if has_account { onward.new_password("Forgotten your password?") } else { None };
    let form = Form {
        title: &format!("Join {organization}"),
        email: &email,
        text: Some(text),
        fault,
        action: "/__/auth/invitation",
        secret_field: "token",
        secret: &token,
        asks_for_name: !has_account,
        password: Some(PasswordField { label: "Password", field: "password", min_length }),
        button,
        mode: None,
        continue_url: None,
        next: forgotten.into_iter().collect(),
    };
    form.page()
}

/// The text of the last page.
#[derive(Template)]
#[template(
    ext = "html",
    source = "You are a member of <strong>{{ self.0 }}</strong> now. Sign in with this address and your password."
)]
struct Joined<'i>(&'i str);

impl HtmlSafe for Joined<'_> {}

/// One page for every token that is not good, so that it tells nothing.
fn invalid() -> Result<HttpResponse, ApiError> {
    failed(
        "This invitation is not valid. It may have been used, withdrawn or replaced by a newer one, or it is too old. Ask \
         the person who invited you for a new one.",
        Vec::new(),
    )
}
