//! The page that mailed links open: a person sets a new password there, or confirms an address.
//!
//! Plain HTML with one style and no script. Opening a link changes nothing, because mail scanners open links too. The
//! button sends the change.

use super::html::{Form, PasswordField, Text, done, refused};
use super::onward::Onward;
use crate::api::State;
use crate::api::errors;
use crate::base::error::ApiError;
use crate::domain::identity::provider::{BuiltIn, FirebaseError, FirebaseRefusal};
use crate::domain::identity::provider::{MailedCode, OobCode, Purpose};
use actix_web::{Error, HttpResponse, get, post, web};
use secrecy::SecretString;
use serde::Deserialize;

/// What a link says.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
pub(super) struct Link {
    /// The code.
    #[param(value_type = String, required = false)]
    oob_code: Option<SecretString>,
    /// What the code is for: `resetPassword` or `verifyEmail`. The code itself decides; this is for a page without it.
    #[param(value_type = String, required = false)]
    mode: Option<String>,
    /// The page to go on at afterwards, of an origin that the configuration names.
    #[param(value_type = String, required = false)]
    continue_url: Option<String>,
}

/// The fields of the form.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActionForm {
    /// The code of the link.
    #[schema(value_type = String)]
    oob_code: SecretString,
    /// The new password, where the code is for one.
    #[schema(value_type = String, required = false)]
    new_password: Option<SecretString>,
    /// The `mode` of the link.
    #[schema(value_type = String, required = false)]
    mode: Option<String>,
    /// The page to go on at afterwards.
    #[schema(value_type = String, required = false)]
    continue_url: Option<String>,
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
    let Link { oob_code, mode, continue_url } = link.into_inner();
    let (onward, mode) = (Onward::new(&state, continue_url.as_deref()), mode.as_deref());
    let Some(code) = oob_code else { return Ok(refused(&FirebaseError::InvalidOobCode, mode, &onward)?) };
    let builtin = state.identity.builtin()?;
    let known = builtin.look_at_code(OobCode::from_client(code.clone())).await;
    match known {
        Ok(known) => Ok(form(builtin, &known, &code, &onward, None)?),
        Err(FirebaseRefusal::Firebase(refusal)) => Ok(refused(&refusal, mode, &onward)?),
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
        return Ok(refused(&FirebaseError::InvalidOobCode, None, &Onward::new(&state, None))?);
    };
    let (onward, mode) = (Onward::new(&state, form_data.continue_url.as_deref()), form_data.mode.as_deref());
    let builtin = state.identity.builtin()?;
    let code = form_data.oob_code;
    let (outcome, text) = match form_data.new_password {
        Some(password) => (
            builtin.reset_password(code.clone(), password).await,
            "Your new password is set, and you are signed out everywhere. Sign in with it.",
        ),
        None => {
            let text = "This is your address: it is confirmed. Elsewhere, sign in again.";
            (builtin.confirm_email(OobCode::from_client(code.clone()), None).await, text)
        }
    };
    match outcome {
        Ok(account) => Ok(done("Done", &account.email, Text(text), &onward)?),
        Err(FirebaseRefusal::Firebase(refusal)) => match refusal.about_password() {
            // The code is still valid: the person may choose another password.
            Some(reason) => match builtin.look_at_code(OobCode::from_client(code.clone())).await {
                Ok(known) => Ok(form(builtin, &known, &code, &onward, Some(&reason))?),
                Err(refusal) => Err(refusal.into()),
            },
            None => Ok(refused(&refusal, mode, &onward)?),
        },
        Err(FirebaseRefusal::Api(error)) => Err(error.into()),
    }
}

fn form(
    builtin: &BuiltIn,
    MailedCode { purpose, account, .. }: &MailedCode,
    code: &SecretString,
    onward: &Onward,
    fault: Option<&str>,
) -> Result<HttpResponse, ApiError> {
    let (title, min_length, button) = match purpose {
        Purpose::PasswordReset => {
            ("Set a new password", Some(builtin.config.identity.min_password_length), "Set password")
        }
        Purpose::VerifyEmail => ("Confirm your e-mail address", None, "Confirm"),
    };
    let password = min_length.map(|min_length| PasswordField {
        label: "New password",
        field: "newPassword",
        min_length: Some(min_length),
    });
    let form = Form {
        title,
        email: &account.email,
        text: None,
        fault,
        action: "/__/auth/action",
        secret_field: "oobCode",
        secret: code,
        asks_for_name: false,
        password,
        button,
        mode: Some(purpose.mode()),
        continue_url: onward.continue_url(),
        next: Vec::new(),
    };
    form.page()
}
