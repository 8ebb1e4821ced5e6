//! [`DecidingHeader`]: the request headers that decide something. A request that has one of them twice is refused.
//!
//! Of two values, a proxy, Keyward and the API behind them may each take another one: what was checked is then not what
//! counts. So `server::limits` refuses such a request before any handler runs, and a header can be read only through
//! [`DecidingHeader::read`] and [`only`], which refuse it, too. A test of the architecture finds any other reader.

use crate::base::error::ApiError;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

macro_rules! deciding_headers {
    ($($header:ident = $name:literal,)+) => {
        /// A request header that decides something. [`only`] reads those that configuration names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum DecidingHeader {
            $(#[doc = concat!("`", $name, "`")] $header,)+
        }

        impl DecidingHeader {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$header),+];

            pub fn name(self) -> HeaderName {
                match self {
                    $(Self::$header => const { HeaderName::from_static($name) },)+
                }
            }
        }
    };
}

deciding_headers! {
    // Makes an OPTIONS a preflight.
    AccessControlRequestMethod = "access-control-request-method",
    Authorization = "authorization",
    ContentLength = "content-length",
    ContentType = "content-type",
    GithubKeyIdentifier = "github-public-key-identifier",
    GithubSignature = "github-public-key-signature",
    Host = "host",
    IdempotencyKey = "idempotency-key",
    IfMatch = "if-match",
    IfNoneMatch = "if-none-match",
    OnBehalfOf = "keyward-on-behalf-of",
    Origin = "origin",
    StripeSignature = "stripe-signature",
    WorkspaceId = "x-workspace-id",
    // A proxy's words on its client's request, at forward-auth.
    ForwardedMethod = "x-forwarded-method",
    ForwardedUri = "x-forwarded-uri",
}

impl DecidingHeader {
    /// Returns the value of the header, if it was sent.
    ///
    /// # Errors
    /// `bad_request` if it was sent more than once.
    pub fn read(self, headers: &HeaderMap) -> Result<Option<&HeaderValue>, ApiError> {
        only(headers, &self.name())
    }
}

/// [`DecidingHeader::read`] for a header that configuration names, such as one that carries a key.
///
/// # Errors
/// `bad_request` if it was sent more than once.
pub fn only<'r>(headers: &'r HeaderMap, name: &HeaderName) -> Result<Option<&'r HeaderValue>, ApiError> {
    let mut values = headers.get_all(name);
    let value = values.next();
    match values.next() {
        None => Ok(value),
        Some(_) => Err(ApiError::bad_request(format!("The header {name} was sent more than once. Send it once."))),
    }
}

/// Checks that no deciding header was sent more than once: none of [`DecidingHeader::ALL`], and none of `configured`.
///
/// # Errors
/// `bad_request`, which names the header.
pub fn refuse_repeated(headers: &HeaderMap, configured: &[HeaderName]) -> Result<(), ApiError> {
    for header in DecidingHeader::ALL {
        header.read(headers)?;
    }
    configured.iter().try_for_each(|name| only(headers, name).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Code;

    #[test]
    fn each_deciding_header_is_refused_twice_and_taken_once() {
        let own = HeaderName::from_static("soku-api-key");
        for name in DecidingHeader::ALL.iter().map(|header| header.name()).chain([own.clone()]) {
            let mut headers = HeaderMap::new();
            headers.append(name.clone(), HeaderValue::from_static("one"));
            assert!(refuse_repeated(&headers, std::slice::from_ref(&own)).is_ok(), "{name}");
            assert_eq!(only(&headers, &name).unwrap().unwrap(), "one");
            // The same value, too: a proxy may drop either.
            headers.append(name.clone(), HeaderValue::from_static("one"));
            let refused = refuse_repeated(&headers, std::slice::from_ref(&own)).unwrap_err();
            assert!(refused.code == Code::BadRequest && refused.to_string().contains(name.as_str()), "{refused}");
            assert!(only(&headers, &name).is_err());
        }
    }
}
