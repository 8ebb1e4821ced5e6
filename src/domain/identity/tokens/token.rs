//! Verifies ID tokens by Firebase's rules, whatever the issuer. [`oidc`](super::oidc) converts other issuers' claims.
//!
//! In order: [`header`](super::header) reads the unverified issuer, only to choose a configured issuer, and checks the
//! header; [`open`] verifies the signature and the types of the claims; [`Claims::check`] checks their values, and
//! [`Claims::ensure_unexpired`] the last of them. Each fault names its rule ([`TokenFault`]).
//! The crate jsonwebtoken verifies the signature. Its own checks of claims are off: they accept arrays, empty subjects
//! and fractions, and use the system's clock.

use super::fault::TokenFault;
use crate::base::ids::SessionId;
use crate::base::input::email::Email;
use crate::base::input::person_name;
use crate::base::time::Timestamp;
use crate::domain::tenancy::Profile;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The lifetime of an ID token: an hour, as Firebase's.
pub(crate) const ID_TOKEN_SECONDS: i64 = 3600;
/// The tolerance for an issuer's clock that is ahead of ours.
const LEEWAY_SECONDS: i64 = 30;
/// The maximum number of characters of a subject, by Firebase's documentation.
pub(crate) const FIREBASE_SUBJECT_LIMIT: usize = 128;
/// The maximum number of characters of a subject, by OpenID Connect Core 1.0, 2.
pub(crate) const OIDC_SUBJECT_LIMIT: usize = 255;

/// The claims that each token has, after normalization.
const REQUIRED: [&str; 6] = ["iss", "aud", "sub", "iat", "exp", "auth_time"];

fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

/// The values that a token must have.
pub(crate) struct Expected<'a> {
    /// Its `iss`.
    pub(crate) issuer: &'a str,
    /// Its `aud`.
    pub(crate) audience: &'a str,
    /// The maximum number of characters of its `sub`.
    pub(crate) subject_limit: usize,
}

/// The claims in use. Their types reject wrong values: an array is no `String`, and `1.5` and `1e9` are no `i64`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    aud: String,
    /// Identifies the user at the issuer.
    pub(crate) sub: String,
    iat: i64,
    /// When the token expires, in seconds since 1970.
    pub(crate) exp: i64,
    nbf: Option<i64>,
    /// The time of the sign-in, in seconds since 1970.
    pub(crate) auth_time: i64,
    /// The session, in a token of the built-in provider. Other issuers may have anything here.
    sid: Option<Value>,
    #[serde(default, deserialize_with = "text_or_none")]
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
    #[serde(default, deserialize_with = "text_or_none")]
    name: Option<String>,
}

/// Reads a claim that no sign-in depends on: another type counts as an absent claim.
fn text_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(Some(text)),
        _ => Ok(None),
    }
}

/// Verifies a token of the built-in provider by this key and returns its claims.
pub(crate) fn open(token: &str, key: &DecodingKey) -> Result<Claims, TokenFault> {
    Claims::of(open_map(token, key, Algorithm::RS256)?)
}

/// Verifies a token's signature and returns all its claims.
pub(crate) fn open_map(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<Map<String, Value>, TokenFault> {
    let data = jsonwebtoken::decode(token, key, &signature_only(algorithm));
    data.map(|data| data.claims).map_err(|error| match error.kind() {
        ErrorKind::Json(_) | ErrorKind::Utf8(_) => TokenFault::new("claims: are no JSON object"),
        _ => wrong_signature(),
    })
}

/// The fault of a token that the key did not sign.
pub(crate) fn wrong_signature() -> TokenFault {
    TokenFault::new("signature: the key does not verify it")
}

impl Claims {
    /// Reads the claims in use, and checks their types.
    pub(crate) fn of(claims: Map<String, Value>) -> Result<Self, TokenFault> {
        if let Some(name) = REQUIRED.into_iter().find(|name| !claims.contains_key(*name)) {
            return Err(TokenFault::new(format!("{name}: is missing")));
        }
        // Without the error's own text, which has the value.
        serde_path_to_error::deserialize(Value::Object(claims))
            .map_err(|error| TokenFault::new(format!("{}: is of a wrong type", error.path())))
    }

    /// Checks the values of the claims, but not whether the token has expired.
    pub(crate) fn check(&self, expected: &Expected<'_>, now: Timestamp) -> Result<(), TokenFault> {
        let latest = now.seconds() + LEEWAY_SECONDS;
        let subject_is_good = !self.sub.is_empty()
            && self.sub.chars().count() <= expected.subject_limit
            && !self.sub.chars().any(char::is_control);
        let rules = [
            (self.iss == expected.issuer, "iss: is another issuer"),
            (self.aud == expected.audience, "aud: is another audience"),
            (subject_is_good, "sub: is empty, too long, or has control characters"),
            (self.iat <= latest, "iat: is in the future"),
            (self.auth_time <= latest, "auth_time: is in the future"),
            (self.nbf.is_none_or(|nbf| nbf <= latest), "nbf: is in the future"),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(TokenFault::new(rule)),
            None => Ok(()),
        }
    }

    /// Checks that the token has not expired. That is the last check, since an expired token that is otherwise valid
    /// has an error code of its own.
    pub(crate) fn ensure_unexpired(&self, now: Timestamp) -> Result<(), TokenFault> {
        if self.exp <= now.seconds() { Err(TokenFault::expired()) } else { Ok(()) }
    }

    /// Returns the session of a token of the built-in provider; `None` for a token of a version without sessions.
    pub(crate) fn session_id(&self) -> Option<SessionId> {
        self.sid.as_ref()?.as_str()?.parse().ok()
    }

    /// Returns the token's user data, within the bounds of what people may type themselves: an address that is none is
    /// left out, and counts as unverified; a name is cut or left out ([`person_name::of_claim`]). Other claims about the
    /// person, such as `picture`, are not read.
    pub(crate) fn into_profile(self, issuer: String) -> Profile {
        let email = self.email.and_then(|email| email.parse().ok()).map(Email::into_string);
        Profile {
            issuer,
            subject: self.sub,
            email_verified: self.email_verified && email.is_some(),
            email,
            name: self.name.and_then(|name| person_name::of_claim(&name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Code;
    use serde_json::json;

    const NOW: i64 = 1_800_000_000;

    fn good() -> Value {
        json!({
            "iss": "https://issuer.example/app", "aud": "app", "sub": "user", "iat": NOW - 10, "exp": NOW + 3590,
            "auth_time": NOW - 10, "email": "a@b.c", "email_verified": true, "name": "Ada",
        })
    }

    /// Returns the result for valid claims with some replaced, and the claim at fault; a null removes a claim.
    fn checked(changes: Value) -> Result<(), (Code, String)> {
        let mut claims = good();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let expected = Expected { issuer: "https://issuer.example/app", audience: "app", subject_limit: 128 };
        let now = Timestamp::from_millis(NOW * 1000).unwrap();
        let result = Claims::of(claims.as_object().unwrap().clone()).and_then(|claims| {
            claims.check(&expected, now)?;
            claims.ensure_unexpired(now)
        });
        result.map_err(|fault| (fault.code, fault.rule.split(':').next().unwrap().to_owned()))
    }

    #[test]
    fn good_claims_pass_within_the_leeway() {
        assert_eq!(checked(json!({})), Ok(()));
        assert_eq!(checked(json!({"iat": NOW + 30, "auth_time": NOW + 30, "nbf": NOW + 30})), Ok(()));
        assert_eq!(checked(json!({"exp": NOW + 1, "email": null, "email_verified": null, "name": null})), Ok(()));
        assert_eq!(checked(json!({"sub": "é".repeat(128)})), Ok(()));
    }

    #[test]
    fn each_bad_claim_is_refused() {
        for bad in [
            json!({"iss": "https://other.example/app"}),
            json!({"iss": "https://issuer.example/app/"}),
            json!({"iss": ["https://issuer.example/app"]}),
            json!({"iss": null}),
            json!({"aud": "other"}),
            json!({"aud": ["app"]}),
            json!({"aud": null}),
            json!({"sub": ""}),
            json!({"sub": "x".repeat(129)}),
            json!({"sub": "a\0b"}),
            json!({"sub": 5}),
            json!({"sub": null}),
            json!({"iat": NOW + 31}),
            json!({"iat": (NOW as f64) - 0.5}),
            json!({"iat": null}),
            json!({"auth_time": NOW + 31}),
            json!({"auth_time": NOW.to_string()}),
            json!({"auth_time": null}),
            json!({"exp": (NOW as f64) + 100.0}),
            json!({"exp": null}),
            json!({"nbf": NOW + 31}),
            json!({"nbf": 1.5}),
        ] {
            let name = bad.as_object().unwrap().keys().next().unwrap().clone();
            assert_eq!(checked(bad.clone()), Err((Code::InvalidIdToken, name)), "{bad}");
        }
    }

    /// Returns the profile of valid claims with these instead of the usual ones.
    fn profile(email: Value, verified: Value, name: Value) -> (Option<String>, bool, Option<String>) {
        let mut claims = good();
        (claims["email"], claims["email_verified"], claims["name"]) = (email, verified, name);
        let claims: Claims = serde_json::from_value(claims).unwrap();
        let Profile { email, email_verified, name, .. } = claims.into_profile("issuer".to_owned());
        (email, email_verified, name)
    }

    #[test]
    fn claims_about_the_person_are_bounded_and_fail_no_sign_in() {
        let usual = profile(json!("Ada@Bücher.example"), json!(true), json!(" Ada\r\n"));
        assert_eq!(usual, (Some("ada@xn--bcher-kva.example".to_owned()), true, Some("Ada".to_owned())));
        let (_, _, name) = profile(json!("a@b.c"), json!(true), json!("x".repeat(20_000)));
        assert_eq!(name, Some("x".repeat(256)));
        for email in
            [json!("a@b.c\r\nBcc: d@e.f"), json!("nN<a@b.c>"), json!(""), json!(5), json!(["a@b.c"]), json!(null)]
        {
            for name in [json!(5), json!({}), json!(null), json!(""), json!("\u{200b}"), json!("a\u{0}b")] {
                let left = profile(email.clone(), json!(true), name.clone());
                assert_eq!(left, (None, false, None), "{email} {name}");
            }
        }
    }

    #[test]
    fn only_an_otherwise_valid_token_is_expired() {
        assert_eq!(checked(json!({"exp": NOW})), Err((Code::IdTokenExpired, "exp".to_owned())));
        let elsewhere = checked(json!({"exp": NOW - 1, "aud": "other"}));
        assert_eq!(elsewhere, Err((Code::InvalidIdToken, "aud".to_owned())));
    }
}
