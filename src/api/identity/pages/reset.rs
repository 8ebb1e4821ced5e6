//! The page that mails a link for a new password, for a person who has forgotten it.

use super::html::{Ask, failed, message};
use super::onward::Onward;
use crate::api::State;
use crate::api::errors;
use crate::base::error::ApiError;
use crate::base::text::trim_pasted;
use crate::domain::identity::provider::{FirebaseError, FirebaseRefusal};
use crate::infra::request::RequestContext;
use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse, get, post, web};
use serde::Deserialize;

/// Where to go on afterwards.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResetLink {
    /// The page to go on at afterwards, of an origin that the configuration names.
    #[param(value_type = String, required = false)]
    continue_url: Option<String>,
}

/// The fields of the form.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResetForm {
    /// The account's address.
    #[schema(example = "ada@example.com")]
    email: String,
    /// The page to go on at afterwards.
    #[schema(value_type = String, required = false)]
    continue_url: Option<String>,
}

/// The page for a forgotten password
///
/// HTML for a person: a form that mails a link for a new password.
#[utoipa::path(
    tag = "Identity",
    security(()),
    params(ResetLink),
    responses(
        errors::Public,
        (status = 200, description = "The form.", body = String, content_type = "text/html"),
        (status = 400, description = "This server sends no mail.", body = String, content_type = "text/html"),
    )
)]
#[get("/__/auth/reset")]
pub async fn reset_page(state: web::Data<State>, link: web::Query<ResetLink>) -> Result<HttpResponse, Error> {
    let onward = Onward::new(&state, link.continue_url.as_deref());
    Ok(if state.mailer.is_on() { form(&onward, "", None)? } else { no_mail(&onward)? })
}

/// Ask for a new password
///
/// The form of the page. Whether an address has an account is not told.
#[utoipa::path(
    operation_id = "submit_reset",
    tag = "Identity",
    security(()),
    request_body(content = ResetForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        errors::Public, errors::TooLarge,
        (status = 200, description = "A mail is sent if the address has an account.", body = String,
            content_type = "text/html"),
        (status = 400, description = "No address, too many mails, or this server sends none.", body = String,
            content_type = "text/html"),
    )
)]
#[post("/__/auth/reset")]
pub async fn ask_for_reset(state: web::Data<State>, payload: web::Payload) -> Result<HttpResponse, Error> {
    let body = crate::api::identity::firebase::read(&state, payload).await?;
    let Ok(ResetForm { email, continue_url }) = serde_urlencoded::from_bytes(&body) else {
        return Ok(form(&Onward::new(&state, None), "", Some("Type your e-mail address"))?);
    };
    let (email, onward) = (trim_pasted(&email), Onward::new(&state, continue_url.as_deref()));
    let address = RequestContext::client_address();
    let continue_url = onward.continue_url().map(str::to_owned);
    match state.identity.builtin()?.request_password_reset(address, email, continue_url) {
        Ok(_) => Ok(message(
            StatusCode::OK,
            "Look into your mailbox",
            "If this address has an account, a mail with a link is on its way. The link works for an hour. If no mail comes \
             within some minutes, look into the spam folder, or try again.",
            onward.sign_in().into_iter().collect(),
        )?),
        Err(FirebaseRefusal::Firebase(FirebaseError::NotAllowedBecause(_))) => Ok(no_mail(&onward)?),
        Err(FirebaseRefusal::Firebase(FirebaseError::TooManyAttemptsTryLater)) => {
            Ok(form(&onward, email, Some("Too many mails were asked for. Try again in some minutes"))?)
        }
        Err(FirebaseRefusal::Firebase(_)) => Ok(form(&onward, email, Some("This is no e-mail address"))?),
        Err(FirebaseRefusal::Api(error)) => Err(error.into()),
    }
}

fn form(onward: &Onward, email: &str, fault: Option<&str>) -> Result<HttpResponse, ApiError> {
    let next = onward.sign_in().into_iter().collect();
    Ask { email, fault, continue_url: onward.continue_url(), next }.page()
}

fn no_mail(onward: &Onward) -> Result<HttpResponse, ApiError> {
    let text = "This server sends no mail. Ask the people who run it for a new password.";
    failed(text, onward.sign_in().into_iter().collect())
}
