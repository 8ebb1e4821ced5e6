//! Documents over HTTP, with `ETag` and its conditions ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-13)).

use crate::base::error::ApiError;
use crate::base::ids::DocumentId;
use crate::base::sql::JsonObject;
use crate::base::time::Timestamp;
use crate::domain::collections::Document;
use crate::domain::collections::model::Expected;
use crate::infra::http::DecidingHeader;
use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;
use serde::Serialize;

/// The JSON of a document: the tenant's fields and Keyward's own.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentView {
    id: DocumentId,
    #[serde(flatten)]
    body: JsonObject,
    created_by: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Document> for DocumentView {
    fn from(row: Document) -> Self {
        Self {
            id: row.id,
            body: row.body,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// The version of a document, for the `ETag` header.
pub fn etag(version: i64) -> Result<HeaderValue, ApiError> {
    HeaderValue::try_from(format!("\"{version}\"")).map_err(ApiError::internal)
}

/// Reads `If-Match`: the versions that a write is meant for. Without the header, any version.
///
/// # Errors
/// `bad_request` for a malformed list of tags.
pub fn expected(req: &HttpRequest) -> Result<Expected, ApiError> {
    Ok(match Precondition::of(req, DecidingHeader::IfMatch)? {
        Precondition::Absent | Precondition::Anything => Expected::Any,
        // `If-Match` compares strongly (RFC 9110, 13.1.1). But a tag here names a version of the document, not the bytes
        // of an answer, and a proxy that compresses makes it weak on the way. So the weak form of an own tag counts.
        Precondition::OneOf(tags) => Expected::OneOf(tags.iter().filter_map(|tag| tag.parse().ok()).collect()),
    })
}

/// Whether `If-None-Match` names this version, so that the client already has it.
///
/// # Errors
/// `bad_request` for a malformed list of tags.
pub fn is_known(req: &HttpRequest, version: i64) -> Result<bool, ApiError> {
    let version = version.to_string();
    Ok(match Precondition::of(req, DecidingHeader::IfNoneMatch)? {
        Precondition::Absent => false,
        Precondition::Anything => true,
        Precondition::OneOf(tags) => tags.contains(&version),
    })
}

/// A parsed `If-Match` or `If-None-Match`.
enum Precondition {
    Absent,
    /// `*`
    Anything,
    /// The texts of the tags, weak or not.
    OneOf(Vec<String>),
}

impl Precondition {
    fn of(req: &HttpRequest, header: DecidingHeader) -> Result<Self, ApiError> {
        let malformed = || {
            let name = header.name();
            ApiError::bad_request(format!("{name} must be a list of tags as ETag has them, such as \"3\", or *."))
        };
        let mut tags = Vec::new();
        if let Some(value) = header.read(req.headers())? {
            for tag in value.to_str().map_err(|_| malformed())?.split(',').map(str::trim) {
                if tag == "*" {
                    return Ok(Self::Anything);
                }
                let quoted = tag.strip_prefix("W/").unwrap_or(tag);
                let text = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(malformed)?;
                tags.push(text.to_owned());
            }
        }
        Ok(if tags.is_empty() { Self::Absent } else { Self::OneOf(tags) })
    }
}
