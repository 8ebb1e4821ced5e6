//! The frame of the built-in provider's pages: plain HTML with one style and no script. Browsers may neither store it
//! nor embed it in another page.

use super::onward::{Next, Onward};
use crate::base::error::ApiError;
use crate::base::input::validation;
use crate::domain::identity::provider::{FirebaseError, Purpose};
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
    source = "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\">\
        <meta name=color-scheme content=\"light dark\">\
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
        {% if !asks_for_name %} autofocus{% endif %}>\
        {% if let Some(min_length) = password.min_length %}<p class=hint>At least {{ min_length }} characters.</p>{% endif %}\
        {% endif %}\
        {% if let Some(mode) = mode %}<input type=hidden name=mode value=\"{{ mode }}\">{% endif %}\
        {% if let Some(url) = continue_url %}<input type=hidden name=continueUrl value=\"{{ url }}\">{% endif %}\
        <button>{{ button }}</button></form>{{ Links(next) }}"
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
    /// The `mode` of the link.
    pub(super) mode: Option<&'static str>,
    pub(super) continue_url: Option<&'p str>,
    pub(super) next: Vec<Next>,
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
        page(status_of(self.fault), self.title, self)
    }
}

/// The form that asks for an address, to mail a link for a new password.
#[derive(Template)]
#[template(
    ext = "html",
    source = "<p>Type the e-mail address of your account. A mail with a link comes to it.</p>\
        {% if let Some(fault) = fault %}<p class=fault role=alert>{{ fault }}.</p>{% endif %}\
        <form method=post action=\"{{ super::onward::RESET }}\">\
        {% if let Some(url) = continue_url %}<input type=hidden name=continueUrl value=\"{{ url }}\">{% endif %}\
        <label for=email>E-mail address</label>\
        <input id=email name=email type=email autocomplete=email maxlength=320 required autofocus value=\"{{ email }}\">\
        <button>Send the link</button></form>{{ Links(next) }}"
)]
pub(super) struct Ask<'p> {
    pub(super) email: &'p str,
    pub(super) fault: Option<&'p str>,
    pub(super) continue_url: Option<&'p str>,
    pub(super) next: Vec<Next>,
}

impl HtmlSafe for Ask<'_> {}

impl Ask<'_> {
    /// The page of the form: 400 with a fault, else 200.
    pub(super) fn page(self) -> Result<HttpResponse, ApiError> {
        page(status_of(self.fault), "Forgotten your password?", self)
    }
}

fn status_of(fault: Option<&str>) -> StatusCode {
    if fault.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK }
}

/// The links that lead on.
#[derive(Template)]
#[template(
    ext = "html",
    source = "{% for next in self.0 %}<p class=next><a href=\"{{ next.url }}\">{{ next.text }}</a></p>{% endfor %}"
)]
struct Links<'p>(&'p [Next]);

impl HtmlSafe for Links<'_> {}

/// A page without a form.
#[derive(Template)]
#[template(
    ext = "html",
    source = "{% if let Some(email) = email %}<p>For <strong>{{ email }}</strong></p>{% endif %}<p>{{ text }}</p>\
        {{ Links(next) }}"
)]
struct Message<'p, T: HtmlSafe> {
    email: Option<&'p str>,
    text: T,
    next: Vec<Next>,
}

impl<T: HtmlSafe> HtmlSafe for Message<'_, T> {}

/// A text of a page.
#[derive(Template)]
#[template(ext = "html", source = "{{ self.0 }}")]
pub(super) struct Text(pub(super) &'static str);

impl HtmlSafe for Text {}

/// 200: the form of a link did what it is for.
pub(super) fn done(title: &str, email: &str, text: impl HtmlSafe, onward: &Onward) -> Result<HttpResponse, ApiError> {
    page(StatusCode::OK, title, Message { email: Some(email), text, next: onward.sign_in().into_iter().collect() })
}

/// A page of one text.
pub(super) fn message(
    status: StatusCode,
    title: &str,
    text: &'static str,
    next: Vec<Next>,
) -> Result<HttpResponse, ApiError> {
    page(status, title, Message { email: None, text: Text(text), next })
}

/// 400: a link that can't be used, or not now.
pub(super) fn failed(text: &'static str, next: Vec<Next>) -> Result<HttpResponse, ApiError> {
    message(StatusCode::BAD_REQUEST, "This did not work", text, next)
}

/// 400, for a refusal that another input in the form can't change. `mode` is that of the link.
pub(super) fn refused(refusal: &FirebaseError, mode: Option<&str>, onward: &Onward) -> Result<HttpResponse, ApiError> {
    let is_confirmation = mode == Some(Purpose::VerifyEmail.mode());
    let new_link = || match is_confirmation {
        true => onward.sign_in(),
        false => onward.new_password("Get a new link for a new password"),
    };
    let (text, next) = match (refusal, is_confirmation) {
        (FirebaseError::UserDisabled, _) => ("This account is disabled. Ask the people who run this service.", None),
        (FirebaseError::TooManyAttemptsTryLater, _) => (
            "Too many attempts were made. Wait some minutes, then open the link again: it is still good.",
            onward.new_password("Forgotten your password?"),
        ),
        (FirebaseError::ExpiredOobCode, true) => {
            ("This link is too old. Sign in, and ask for a new mail there.", new_link())
        }
        (FirebaseError::ExpiredOobCode, false) => ("This link is too old. Ask for a new one.", new_link()),
        (_, true) => (
            "This link is not valid. It may have been used: then your address is confirmed. Else a newer mail has \
             replaced it. Sign in to see, and to ask for a new mail.",
            new_link(),
        ),
        (_, false) => (
            "This link is not valid. It may have been used, or replaced by a newer one. Ask for a new one.",
            new_link(),
        ),
    };
    failed(text, next.into_iter().collect())
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
