//! [`File`]: what is sent as it is or compressed, with an `ETag`.

use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderMap, HeaderName, IF_NONE_MATCH, VARY,
};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};
use sha2::{Digest, Sha256};
use std::io::{Error, Read};
use std::sync::OnceLock;

/// For a file whose URL names its hash: one year, without a question.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Browsers keep the file, and ask each time whether it is still the same.
const ASK_FIRST: &str = "no-cache";

/// A file in memory. Its other form is made at the first request that needs it, and kept.
pub struct File {
    media: &'static str,
    hash: String,
    plain: OnceLock<Bytes>,
    gzip: OnceLock<Bytes>,
}

impl File {
    /// A file from its content.
    pub fn of_plain(media: &'static str, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        Self { media, hash: hash(&content), plain: OnceLock::from(content), gzip: OnceLock::new() }
    }

    /// A file from its content as gzip.
    pub fn of_gzip(media: &'static str, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        Self { media, hash: hash(&content), plain: OnceLock::new(), gzip: OnceLock::from(content) }
    }

    /// The first 16 characters of the content's SHA-256 in hex.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Answers 200 with the file, or 304 to a client that has it. A URL with `?v=` and the hash is cached for ever.
    pub fn answer(&self, req: &HttpRequest) -> HttpResponse {
        let names_hash = req.query_string().strip_prefix("v=") == Some(self.hash.as_str());
        let takes_gzip = accepts_gzip(req.headers());
        let etag = if takes_gzip { format!("\"{}-gzip\"", self.hash) } else { format!("\"{}\"", self.hash) };
        let is_known = has(req.headers(), IF_NONE_MATCH, |tag| tag == "*" || tag.trim_start_matches("W/") == etag);
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header((ETAG, etag))
            .insert_header((CACHE_CONTROL, if names_hash { FOR_EVER } else { ASK_FIRST }))
            .insert_header((VARY, "Accept-Encoding"));
        if is_known {
            return response.finish();
        }
        response.content_type(self.media);
        let content = if takes_gzip {
            response.insert_header((CONTENT_ENCODING, "gzip"));
            kept(&self.gzip, || read(GzEncoder::new(&*self.plain()?, Compression::default())))
        } else {
            self.plain()
        };
        match content {
            Ok(content) => response.body(content),
            Err(error) => {
                tracing::error!(%error, "a file of the documentation can't be converted");
                HttpResponse::InternalServerError().finish()
            }
        }
    }

    fn plain(&self) -> Result<Bytes, Error> {
        kept(&self.plain, || read(GzDecoder::new(self.gzip.get().map(AsRef::as_ref).unwrap_or_default())))
    }
}

fn hash(content: &[u8]) -> String {
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(content));
    digest[..16].to_owned()
}

/// Returns the kept bytes. Two first requests at once may both make them.
fn kept(place: &OnceLock<Bytes>, make: impl FnOnce() -> Result<Bytes, Error>) -> Result<Bytes, Error> {
    match place.get() {
        Some(bytes) => Ok(bytes.clone()),
        None => make().map(|bytes| place.get_or_init(|| bytes).clone()),
    }
}

fn read(mut source: impl Read) -> Result<Bytes, Error> {
    let mut bytes = Vec::new();
    source.read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

/// Whether one part of a header's list fulfils the condition.
fn has(headers: &HeaderMap, name: HeaderName, is_wanted: impl Fn(&str) -> bool) -> bool {
    let lists = headers.get_all(name).filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|part| is_wanted(part.trim()))
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    has(headers, ACCEPT_ENCODING, |coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case("gzip") && weight.is_some_and(|weight| weight > 0.0)
    })
}
