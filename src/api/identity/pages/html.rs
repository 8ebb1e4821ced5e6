//! The frame of the built-in provider's pages: plain HTML with one style and no script. Browsers may neither store it
//! nor embed it in another page.

use crate::base::error::ApiError;
use crate::base::input::validation;
use crate::domain::identity::provider::FirebaseError;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType};
use askama::Template;
use askama::filters::HtmlSafe;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("pages.css");

/// A whole page around its content.
#[derive(Template)]
#[template(
    ext = "html",
    source = "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
        <meta name=robots content=noindex><title>{{ title }}</title><style>{{ STYLE|safe }}</style>\
        <main><h1>{{ title }}</h1>{{ content }}</main></html>"
)]
struct Page<'p, C: HtmlSafe> {
    title: &'p str,
    content: C,
}

/// A form that sends the secret of a mailed link back.
#[derive(Template)]
#[template(
    ext = "html",
    source = "<p>For <strong>{{ email }}</strong></p>\
        {% if let Some(text) = text %}<p>{{ text }}</p>{% endif %}\
        {% if let Some(fault) = fault %}<p class=fault role=alert>{{ fault }}.</p>{% endif %}\
        <form method=post action=\"{{ action }}\">\
        <input type=hidden name=username autocomplete=username value=\"{{ email }}\">\
        <input type=hidden name=\"{{ secret_field }}\" value=\"{{ secret.expose_secret() }}\">\
        {% if asks_for_name %}<label for=name>Your name (optional)</label>\
        <input id=name name=name maxlength={{ validation::NAME_LIMIT }} autocomplete=name>{% endif %}\
        {% if let Some(password) = password %}<label for=password>{{ password.label }}</label>\
        <input id=password name=\"{{ password.field }}\" type=password \
        {% if let Some(min_length) = password.min_length %}minlength={{ min_length }} autocomplete=new-password\
        {% else %}autocomplete=current-password{% endif %} maxlength=4096 required\
        {% if !asks_for_name %} autofocus{% endif %}>{% endif %}\
        <button>{{ button }}</button></form>"
)]
pub(super) struct Form<'p> {
    pub(super) title: &'p str,
    pub(super) email: &'p str,
    pub(super) text: Option<&'p str>,
    /// Why the form is shown again, without the full stop.
    pub(super) fault: Option<&'p str>,
    /// The path that it is sent to.
    pub(super) action: &'static str,
    pub(super) secret_field: &'static str,
    pub(super) secret: &'p SecretString,
    pub(super) asks_for_name: bool,
    pub(super) password: Option<PasswordField>,
    pub(super) button: &'static str,
}

impl HtmlSafe for Form<'_> {}

/// The input for a password.
pub(super) struct PasswordField {
    pub(super) label: &'static str,
    pub(super) field: &'static str,
    /// The least length of a new password, in characters; `None` for a password that the account has.
    pub(super) min_length: Option<usize>,
}

impl Form<'_> {
    /// The page of the form: 400 with a fault, else 200.
    pub(super) fn page(self) -> Result<HttpResponse, ApiError> {
        let status = if self.fault.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        page(status, self.title, self)
    }
}

/// A page without a form.
#[derive(Template)]
#[template(
    ext = "html",
    source = "{% if let Some(email) = email %}<p>For <strong>{{ email }}</strong></p>{% endif %}<p>{{ text }}</p>"
)]
struct Message<'p, T: HtmlSafe> {
    email: Option<&'p str>,
    text: T,
}

impl<T: HtmlSafe> HtmlSafe for Message<'_, T> {}

/// A text of a page.
#[derive(Template)]
#[template(ext = "html", source = "{{ self.0 }}")]
pub(super) struct Text(pub(super) &'static str);

impl HtmlSafe for Text {}

/// 200: the form of a link did what it is for.
pub(super) fn done(title: &str, email: &str, text: impl HtmlSafe) -> Result<HttpResponse, ApiError> {
    page(StatusCode::OK, title, Message { email: Some(email), text })
}

/// 400: a link that can't be used, or not now.
pub(super) fn failed(text: &'static str) -> Result<HttpResponse, ApiError> {
    page(StatusCode::BAD_REQUEST, "This did not work", Message { email: None, text: Text(text) })
}

/// 400, for a refusal that another input in the form can't change.
pub(super) fn refused(refusal: &FirebaseError) -> Result<HttpResponse, ApiError> {
    failed(match refusal {
        FirebaseError::ExpiredOobCode => "This link is too old. Ask for a new one.",
        FirebaseError::UserDisabled => "This account is disabled.",
        FirebaseError::TooManyAttemptsTryLater => {
            "Too many attempts were made. Wait some minutes, then open the link again: it is still good."
        }
        _ => "This link is not valid. It may have been used, or replaced by a newer one. Ask for a new one.",
    })
}

fn page(status: StatusCode, title: &str, content: impl HtmlSafe) -> Result<HttpResponse, ApiError> {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    let body = Page { title, content }.render().map_err(ApiError::internal)?;
    Ok(HttpResponse::build(status)
        .content_type(ContentType::html())
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // The page's URL contains a secret.
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(body))
}
