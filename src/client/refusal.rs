//! [`ServerRefusal`]: an error from the server, in any of the four styles ([`crate::base::error::style`]).

use crate::base::error::FieldError;
use crate::client::plain_text::plain;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;
use std::fmt;

/// An error from the server.
#[derive(Debug)]
pub struct ServerRefusal {
    pub status: u16,
    /// The error code, in the styles that have one.
    code: Option<String>,
    message: String,
    request_id: Option<String>,
    details: Vec<FieldError>,
    /// Seconds. A date, which only a proxy would send, is ignored.
    pub retry_after: Option<u32>,
}

impl ServerRefusal {
    /// Reads an error answer. A body in no known style, such as a proxy's page, is not shown.
    pub fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        // `envelope` nests its fields in `error`; the other styles have them beside it.
        let error = if body["error"].is_object() { &body["error"] } else { &body };
        let text = |name: &str| error[name].as_str().map(str::to_owned);
        let message = match (body["error"].as_str(), text("message").or_else(|| text("detail"))) {
            (Some(title), Some(message)) => Some(format!("{title}: {message}")),
            (title, message) => message.or(title.map(str::to_owned)).or_else(|| text("title")),
        };
        Self {
            status: status.as_u16(),
            code: text("code"),
            message: message.unwrap_or_else(|| status.canonical_reason().unwrap_or("no reason given").to_owned()),
            request_id: text("requestId").or_else(|| header("x-request-id").map(str::to_owned)),
            details: serde_json::from_value(error["details"].clone()).unwrap_or_default(),
            retry_after: header(RETRY_AFTER.as_str()).and_then(|value| value.trim().parse().ok()),
        }
    }
}

/// `403 insufficient_permission: Your role does not allow this. (request req_…)`, and a line for each invalid field.
impl fmt::Display for ServerRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(code) = &self.code {
            write!(f, " {}", plain(code))?;
        }
        write!(f, ": {}", plain(&self.message))?;
        if let Some(id) = &self.request_id {
            write!(f, " (request {})", plain(id))?;
        }
        for FieldError { field, message } in &self.details {
            write!(f, "\n  {}: {}", plain(field), plain(message))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::style::{ErrorSettings, Style};
    use crate::base::error::{ApiError, Code};

    fn shown(style: Style, error: &ApiError) -> String {
        let settings = ErrorSettings { style, ..ErrorSettings::default() };
        let body = settings.body(error, "req_1", "2026-02-28T12:00:00Z".parse().unwrap()).to_string();
        let headers = [("x-request-id".parse().unwrap(), "req_1".parse().unwrap())].into_iter().collect();
        let status = StatusCode::from_u16(error.code.status().as_u16()).unwrap();
        ServerRefusal::read(status, &headers, body.as_bytes()).to_string()
    }

    #[test]
    fn each_style_is_read() {
        let error = ApiError::invalid("name", "is too long");
        let expected = [
            (Style::Envelope, "422 validation_failed: name: is too long (request req_1)\n  name: is too long"),
            (Style::Problem, "422 validation_failed: name: is too long (request req_1)\n  name: is too long"),
            (Style::Flat, "422: name: is too long (request req_1)"),
            (Style::Titled, "422: Validation failed: name: is too long (request req_1)"),
        ];
        for (style, text) in expected {
            assert_eq!(shown(style, &error), text, "{style:?}");
        }
        assert_eq!(shown(Style::Flat, &Code::NotFound.into()), "404: There is no such thing here. (request req_1)");
    }

    #[test]
    fn what_is_not_keywards_error_is_not_shown() {
        let refusal = ServerRefusal::read(StatusCode::BAD_GATEWAY, &HeaderMap::new(), b"<h1>\x1b[2J nginx</h1>");
        assert_eq!(refusal.to_string(), "502: Bad Gateway");
        let body = br#"{"error":{"code":"a\u001b[2J","message":"b\nc"}}"#;
        let refusal = ServerRefusal::read(StatusCode::FORBIDDEN, &HeaderMap::new(), body);
        assert_eq!(refusal.to_string(), r"403 a\u{1b}[2J: b\nc");
    }
}
