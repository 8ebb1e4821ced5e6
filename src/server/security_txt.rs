//! `/.well-known/security.txt`: to whom vulnerabilities are reported ([RFC 9116](https://www.rfc-editor.org/rfc/rfc9116)).

use crate::api::State;
use crate::base::error::ApiError;
use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};

/// The path of the file.
pub(super) const PATH: &str = "/.well-known/security.txt";

/// Adds the file.
pub(super) fn service(services: &mut web::ServiceConfig) {
    services.route(PATH, web::get().to(security_txt));
}

/// Returns the file; 404 without a contact, and once its content has expired, which readers may not use.
async fn security_txt(state: web::Data<State>) -> Result<HttpResponse, ApiError> {
    let settings = &state.config.security_txt;
    let expires = settings.expires.filter(|expires| !settings.contact.is_empty() && state.clock.now() < *expires);
    let expires = expires.ok_or_else(ApiError::not_found)?;
    let mut text = String::new();
    for contact in &settings.contact {
        text.push_str(&format!("Contact: {contact}\n"));
    }
    text.push_str(&format!("Expires: {expires}\nCanonical: {}{PATH}\n", state.config.server.public_url));
    Ok(HttpResponse::Ok().insert_header(ContentType::plaintext()).body(text))
}
