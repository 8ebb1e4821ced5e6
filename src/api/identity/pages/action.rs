//! The page that mailed links open: a person sets a new password there, or confirms an address.
//!
//! Plain HTML with one style and no script. Opening a link changes nothing, because mail scanners open links too. The
//! button sends the change.

use super::html::{escape, page};
use crate::api::State;
use crate::api::errors;
use crate::domain::identity::provider::{FirebaseError, FirebaseRefusal};
use crate::domain::identity::provider::{OobCode, Purpose};
use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse, get, post, web};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// What a link says.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
pub(super) struct Link {
    /// The code.
    #[param(value_type = String, required = false)]
    oob_code: Option<SecretString>,
}

/// What a person typed.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActionForm {
    /// The code of the link.
    #[schema(value_type = String)]
    oob_code: SecretString,
    /// The new password, where the code is for one.
    #[schema(value_type = String, required = false)]
    new_password: Option<SecretString>,
}

/// The page of a mailed link
///
/// HTML for a person: a form for a new password, or a button that confirms the address.
#[utoipa::path(
    tag = "Identity",
    security(()),
    params(Link),
    responses(
        errors::Public,
        (status = 200, description = "The form.", body = String, content_type = "text/html"),
        (status = 400, description = "The link is not good (any more).", body = String, content_type = "text/html"),
    )
)]
#[get("/__/auth/action")]
pub async fn action_page(state: web::Data<State>, link: web::Query<Link>) -> Result<HttpResponse, Error> {
    let Some(code) = link.into_inner().oob_code else { return Ok(refused(FirebaseError::InvalidOobCode)) };
    let known = state.identity.builtin()?.look_at_code(OobCode::from_client(code.clone())).await;
    match known {
        Ok(known) => Ok(form(known.purpose, &known.account.email, &code, None)),
        Err(FirebaseRefusal::Firebase(refusal)) => Ok(refused(refusal)),
        Err(FirebaseRefusal::Api(error)) => Err(error.into()),
    }
}

/// Do what a mailed link is for
///
/// The form of the page.
#[utoipa::path(
    operation_id = "submit_action",
    tag = "Identity",
    security(()),
    request_body(content = ActionForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        errors::Public, errors::TooLarge,
        (status = 200, description = "Done.", body = String, content_type = "text/html"),
        (status = 400, description = "The link is not good, or the password is not.", body = String,
            content_type = "text/html"),
    )
)]
#[post("/__/auth/action")]
pub async fn act(state: web::Data<State>, payload: web::Payload) -> Result<HttpResponse, Error> {
    let body = crate::api::identity::firebase::read(&state, payload).await?;
    let Ok(form_data) = serde_urlencoded::from_bytes::<ActionForm>(&body) else {
        return Ok(refused(FirebaseError::InvalidOobCode));
    };
    let builtin = state.identity.builtin()?;
    let code = form_data.oob_code;
    let done = match form_data.new_password {
        Some(password) => builtin.reset_password(code.clone(), password).await.map(|account| {
            let text = "Your new password is set, and you are signed out everywhere. Sign in with it.";
            message(StatusCode::OK, "Done", &account.email, text)
        }),
        None => builtin
            .confirm_email(OobCode::from_client(code.clone()))
            .await
            .map(|account| message(StatusCode::OK, "Done", &account.email, "This is your address: it is confirmed.")),
    };
    match done {
        Ok(page) => Ok(page),
        Err(FirebaseRefusal::Firebase(refusal)) => match refusal.about_password() {
            // The code is still valid: the person may choose another password.
            Some(reason) => match builtin.look_at_code(OobCode::from_client(code.clone())).await {
                Ok(known) => Ok(form(known.purpose, &known.account.email, &code, Some(&reason))),
                Err(refusal) => Err(refusal.into()),
            },
            None => Ok(refused(refusal)),
        },
        Err(FirebaseRefusal::Api(error)) => Err(error.into()),
    }
}

fn form(purpose: Purpose, email: &str, code: &SecretString, fault: Option<&str>) -> HttpResponse {
    let (email, code) = (escape(email), escape(code.expose_secret()));
    let fault = fault.map_or_else(String::new, |fault| format!("<p class=fault role=alert>{}.</p>", escape(fault)));
    let (title, fields, button) = match purpose {
        Purpose::PasswordReset => (
            "Set a new password",
            "<label for=new>New password</label><input id=new name=newPassword type=password minlength=6 \
             maxlength=4096 autocomplete=new-password required autofocus>",
            "Set password",
        ),
        Purpose::VerifyEmail => ("Confirm your e-mail address", "", "Confirm"),
    };
    let status = if fault.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let body = format!(
        "<p>For <strong>{email}</strong></p>{fault}<form method=post action=\"/__/auth/action\">\
         <input type=hidden name=username autocomplete=username value=\"{email}\">\
         <input type=hidden name=oobCode value=\"{code}\">{fields}<button>{button}</button></form>"
    );
    page(status, title, &body)
}

fn refused(refusal: FirebaseError) -> HttpResponse {
    let text = match refusal {
        FirebaseError::ExpiredOobCode => "This link is too old. Ask for a new one.",
        FirebaseError::UserDisabled => "This account is disabled.",
        FirebaseError::TooManyAttemptsTryLater => "Too many people are signing in. Go back, and try again in a moment.",
        _ => "This link is not valid. It may have been used, or replaced by a newer one. Ask for a new one.",
    };
    page(StatusCode::BAD_REQUEST, "This did not work", &format!("<p>{text}</p>"))
}

fn message(status: StatusCode, title: &str, email: &str, text: &str) -> HttpResponse {
    page(status, title, &format!("<p>For <strong>{}</strong></p><p>{text}</p>", escape(email)))
}
