//! The styles of error bodies, which differ between products' APIs.

use super::{ApiError, Code};
use crate::base::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The shape of an error's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// `{"error":{"code","message","timestamp","requestId"}}`, with `details` for invalid fields.
    #[default]
    Envelope,
    /// `{"error":"message"}`
    Flat,
    /// `{"error":"title","message":"…"}`
    Titled,
    /// [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457): `application/problem+json`.
    Problem,
}

/// `[errors]` of the configuration: the style, and texts that replace Keyward's own for single codes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorSettings {
    pub style: Style,
    /// The code shown in place of Keyward's, for an API that has fewer codes.
    #[serde(default)]
    pub codes: BTreeMap<Code, String>,
    /// The title shown for a code (`titled` and `problem`).
    #[serde(default)]
    pub titles: BTreeMap<Code, String>,
    /// The message shown for a code, in place of the error's own.
    #[serde(default)]
    pub messages: BTreeMap<Code, String>,
}

impl ErrorSettings {
    /// Returns the body of an error.
    pub fn body(&self, error: &ApiError, request_id: &str, now: Timestamp) -> Value {
        let code = self.codes.get(&error.code).map_or(error.code.as_str(), String::as_str);
        let title = self.titles.get(&error.code).map_or(error.code.title(), String::as_str);
        let message = self.messages.get(&error.code).map_or(&*error.message, String::as_str);
        let mut body = match self.style {
            Style::Envelope => {
                json!({"error": {"code": code, "message": message, "timestamp": now, "requestId": request_id}})
            }
            Style::Flat => return json!({"error": message}),
            Style::Titled => return json!({"error": title, "message": message}),
            Style::Problem => json!({
                "type": "about:blank", "title": title, "status": error.code.status().as_u16(),
                "detail": message, "instance": format!("urn:keyward:request:{request_id}"),
                "code": code, "requestId": request_id,
            }),
        };
        if !error.details.is_empty() {
            let object = if self.style == Style::Envelope { &mut body["error"] } else { &mut body };
            object["details"] = json!(error.details);
        }
        body
    }

    /// Returns the media type of [`ErrorSettings::body`].
    pub fn content_type(&self) -> &'static str {
        if self.style == Style::Problem { "application/problem+json" } else { "application/json" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(style: Style) -> Value {
        let now = "2026-02-28T12:00:00Z".parse().unwrap();
        let settings = ErrorSettings { style, ..ErrorSettings::default() };
        settings.body(&ApiError::invalid("name", "is too long"), "req_1", now)
    }

    #[test]
    fn each_style_has_its_documented_shape() {
        assert_eq!(
            written(Style::Envelope),
            json!({"error": {
                "code": "validation_failed", "message": "name: is too long", "requestId": "req_1",
                "timestamp": "2026-02-28T12:00:00.000Z", "details": [{"field": "name", "message": "is too long"}],
            }})
        );
        assert_eq!(written(Style::Flat), json!({"error": "name: is too long"}));
        assert_eq!(written(Style::Titled), json!({"error": "Validation failed", "message": "name: is too long"}));
        assert_eq!(
            written(Style::Problem),
            json!({
                "type": "about:blank", "title": "Validation failed", "status": 422, "detail": "name: is too long",
                "instance": "urn:keyward:request:req_1", "code": "validation_failed", "requestId": "req_1",
                "details": [{"field": "name", "message": "is too long"}],
            })
        );
    }

    #[test]
    fn configured_words_replace_the_own_ones() {
        let settings = ErrorSettings {
            codes: [(Code::InvalidApiKey, "unauthorized".to_owned())].into(),
            messages: [(Code::InvalidApiKey, "Invalid or missing API key.".to_owned())].into(),
            ..ErrorSettings::default()
        };
        let body = settings.body(&Code::InvalidApiKey.into(), "req_1", "2026-02-28T12:00:00Z".parse().unwrap());
        assert_eq!(body["error"]["code"], "unauthorized");
        assert_eq!(body["error"]["message"], "Invalid or missing API key.");
    }
}
