//! [`Body`]: a JSON body that the handler reads after its guard has passed.
//!
//! It takes the payload at once and parses it on [`Body::read`]. So a caller without the permission gets 403, and no
//! answer about the body.
//!
//! [`ensure_no_body`] is for routes that take none.

use crate::base::error::{ApiError, Code};
use crate::base::input::from_slice;
use crate::base::input::validation::Object;
use crate::infra::http::DecidingHeader;
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_ENCODING, HeaderMap};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What all bodies share, as `app_data` of the application.
#[derive(Clone, Debug, Default)]
pub struct Bodies {
    /// The largest body in bytes.
    limit: usize,
    /// How many bodies handlers wait for.
    awaited: Arc<AtomicU64>,
}

impl Bodies {
    pub fn new(limit: usize) -> Self {
        Self { limit, awaited: Arc::default() }
    }

    /// How many bodies handlers wait for. With many, clients are slow.
    pub fn awaited(&self) -> u64 {
        self.awaited.load(Relaxed)
    }

    fn begin_waiting(&self) -> Waiting {
        self.awaited.fetch_add(1, Relaxed);
        Waiting(Arc::clone(&self.awaited))
    }
}

/// A handler's wait for its body. It ends on drop.
struct Waiting(Arc<AtomicU64>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// A JSON body, not yet read.
pub struct Body<T> {
    payload: Payload,
    /// The refusal of a body that is no JSON in UTF-8 by its headers.
    unsupported: Option<ApiError>,
    declared_length: Option<usize>,
    bodies: Bodies,
    shape: PhantomData<T>,
}

impl<T> FromRequest for Body<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let length = declared_length(req.headers());
        let payload = payload.take();
        ready(length.map(|declared_length| Self {
            payload,
            unsupported: unsupported(req),
            declared_length,
            bodies: req.app_data::<Bodies>().cloned().unwrap_or_default(),
            shape: PhantomData,
        }))
    }
}

impl<T: DeserializeOwned> Body<T> {
    /// Reads and checks the body.
    ///
    /// # Errors
    /// `unsupported_media_type`, `body_too_large`, `bad_request` for malformed JSON, `validation_failed` with the field
    /// for JSON of another shape.
    pub async fn read(self) -> Result<T, ApiError> {
        self.parse().await.map(|(value, _)| value)
    }

    /// [`Body::read`], and the raw bytes, by which repeated idempotency keys are compared.
    ///
    /// # Errors
    /// As [`Body::read`].
    pub async fn parse(self) -> Result<(T, Vec<u8>), ApiError> {
        let bytes = self.json().await?;
        let Object(value) = from_slice(&bytes)?;
        Ok((value, bytes))
    }
}

impl<T> Body<T> {
    /// Returns the bytes of a JSON body, for callers with a parser of their own.
    ///
    /// # Errors
    /// `unsupported_media_type`, `body_too_large`
    pub async fn json(self) -> Result<Vec<u8>, ApiError> {
        self.json_or_nothing(false).await
    }

    /// [`Body::json`], or nothing: a body without a character but blanks has any media type, if that `may_be_nothing`.
    async fn json_or_nothing(mut self, may_be_nothing: bool) -> Result<Vec<u8>, ApiError> {
        let unsupported = self.unsupported.take();
        let bytes = self.bytes().await?;
        match unsupported {
            Some(refusal) if !may_be_nothing || !bytes.trim_ascii().is_empty() => Err(refusal),
            _ => Ok(bytes),
        }
    }

    /// Returns the raw bytes of any media type, for checking a signature over them.
    ///
    /// # Errors
    /// `body_too_large`, `bad_request`
    pub async fn bytes(mut self) -> Result<Vec<u8>, ApiError> {
        let _waiting = self.bodies.begin_waiting();
        bytes_of(&mut self.payload, self.declared_length, self.bodies.limit).await
    }
}

async fn bytes_of(payload: &mut Payload, declared: Option<usize>, limit: usize) -> Result<Vec<u8>, ApiError> {
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let mut bytes = Vec::with_capacity(declared.unwrap_or(0));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| ApiError::bad_request(broken(&error)))?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Reads the body of a request whose route takes none. A blank body, `null` and `{}` say nothing, and pass.
///
/// # Errors
/// `validation_failed` for a body with content, and those of [`Body::bytes`].
pub async fn ensure_no_body(headers: &HeaderMap, limit: usize, payload: &mut Payload) -> Result<(), ApiError> {
    let declared = declared_length(headers)?;
    if declared == Some(0) {
        return Ok(());
    }
    let bytes = bytes_of(payload, declared, limit).await?;
    let says_nothing = bytes.trim_ascii().is_empty()
        || serde_json::from_slice::<Option<Map<String, Value>>>(&bytes)
            .is_ok_and(|object| object.is_none_or(|object| object.is_empty()));
    if says_nothing {
        return Ok(());
    }
    Err(ApiError::invalid("body", "is not read: this request takes no body. Send it without one"))
}

fn declared_length(headers: &HeaderMap) -> Result<Option<usize>, ApiError> {
    Ok(DecidingHeader::ContentLength.read(headers)?.and_then(|value| value.to_str().ok()?.parse().ok()))
}

impl<T: DeserializeOwned + Default> Body<T> {
    /// [`Body::parse_or_default`] without the raw bytes.
    ///
    /// # Errors
    /// As [`Body::read`].
    pub async fn read_or_default(self) -> Result<T, ApiError> {
        self.parse_or_default().await.map(|(value, _)| value)
    }

    /// [`Body::parse`], where a blank body or `null` means the defaults.
    ///
    /// # Errors
    /// As [`Body::read`].
    pub async fn parse_or_default(self) -> Result<(T, Vec<u8>), ApiError> {
        let bytes = self.json_or_nothing(true).await?;
        if bytes.trim_ascii().is_empty() {
            return Ok((T::default(), bytes));
        }
        let value = from_slice::<Option<Object<T>>>(&bytes)?;
        Ok((value.map_or_else(T::default, |Object(value)| value), bytes))
    }
}

/// Says what a body that is not JSON in UTF-8 should be, by its headers.
fn unsupported(req: &HttpRequest) -> Option<ApiError> {
    let refusal = |words: &'static str| Some(ApiError::with_message(Code::UnsupportedMediaType, words));
    let media_type = req.content_type();
    // RFC 7396. Any JSON body of a PATCH is applied in this way, so both media types mean the same.
    let is_merge_patch =
        req.method() == Method::PATCH && media_type.eq_ignore_ascii_case("application/merge-patch+json");
    if !is_merge_patch && !media_type.eq_ignore_ascii_case("application/json") {
        return Some(Code::UnsupportedMediaType.into());
    }
    let codings =
        req.headers().get_all(CONTENT_ENCODING).flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    if codings.into_iter().any(|coding| !matches!(coding.trim_ascii(), b"" | b"identity")) {
        return refusal("The body is compressed. Send it as it is, without Content-Encoding.");
    }
    let charset =
        req.mime_type().ok().flatten().and_then(|media| media.get_param("charset").map(|name| name.to_string()));
    let is_utf8 = |name: &String| ["utf-8", "utf8", "us-ascii"].contains(&name.to_ascii_lowercase().as_str());
    if charset.is_some_and(|name| !is_utf8(&name)) {
        return refusal("The body must be in UTF-8. Send it so, and name no other charset in Content-Type.");
    }
    None
}

/// Says why a body broke off.
fn broken(error: &PayloadError) -> &'static str {
    match error {
        PayloadError::Incomplete(_) => "The body ends before its announced end.",
        PayloadError::EncodingCorrupted => "The body's chunks are malformed.",
        _ => "The connection broke before the end of the body.",
    }
}

fn too_large(limit: usize) -> ApiError {
    ApiError::with_message(Code::BodyTooLarge, format!("The body is larger than {limit} bytes."))
}
