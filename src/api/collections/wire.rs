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
        // `If-Match` compares strongly, so a weak tag matches no version (RFC 9110, 13.1.1).
        Precondition::OneOf(tags) => Expected::OneOf(
            tags.into_iter().filter(|tag| !tag.is_weak).filter_map(|tag| tag.text.parse().ok()).collect(),
        ),
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
        Precondition::OneOf(tags) => tags.iter().any(|tag| tag.text == version),
    })
}

/// A parsed `If-Match` or `If-None-Match`.
enum Precondition {
    Absent,
    /// `*`
    Anything,
    OneOf(Vec<Tag>),
}

struct Tag {
    is_weak: bool,
    text: String,
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
                let (is_weak, quoted) = tag.strip_prefix("W/").map_or((false, tag), |rest| (true, rest));
                let text = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(malformed)?;
                tags.push(Tag { is_weak, text: text.to_owned() });
            }
        }
        Ok(if tags.is_empty() { Self::Absent } else { Self::OneOf(tags) })
    }
}
