//! Verifies ID tokens by Firebase's rules, whatever the issuer. [`oidc`](super::oidc) converts other issuers' claims.
//!
//! In order: [`issuer_of`] reads the unverified issuer, only to choose a configured issuer; [`header_of`] checks the
//! header; [`open`] verifies the signature and the types of the claims; [`Claims::check`] checks their values.
//! The crate jsonwebtoken verifies the signature. Its own checks of claims are off: they accept arrays, empty subjects
//! and fractions, and use the system's clock.

use crate::base::error::Code;
use crate::base::ids::SessionId;
use crate::base::input::email::Email;
use crate::base::input::person_name;
use crate::base::time::Timestamp;
use crate::domain::tenancy::Profile;
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

/// Returns the issuer in the token, unverified.
pub(crate) fn issuer_of(token: &str) -> Result<String, Code> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    let claims: Issuer = jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| Code::InvalidIdToken)?;
    Ok(claims.iss)
}

/// Checks the token's header, and returns its key id and algorithm.
pub(crate) fn header_of(token: &str, allowed: &[Algorithm]) -> Result<(String, Algorithm), Code> {
    header_of_type(token, allowed, |typ| typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT")))
}

/// [`header_of`] for a token whose `typ` is one of these. Tokens of several kinds have the same keys: only this tells
/// which kind it is.
pub(crate) fn header_of_type(
    token: &str,
    allowed: &[Algorithm],
    is_typ: impl FnOnce(Option<&str>) -> bool,
) -> Result<(String, Algorithm), Code> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| Code::InvalidIdToken)?;
    let is_jwt = is_typ(header.typ.as_deref());
    // `crit` names extensions that a verifier must support (RFC 7515, 4.1.11); this one supports none.
    if !allowed.contains(&header.alg) || !is_jwt || header.crit.is_some() {
        return Err(Code::InvalidIdToken);
    }
    let kid = header.kid.filter(|kid| !kid.is_empty()).ok_or(Code::InvalidIdToken)?;
    Ok((kid, header.alg))
}

/// Verifies a token of the built-in provider by this key and returns its claims.
pub(crate) fn open(token: &str, key: &DecodingKey) -> Result<Claims, Code> {
    Claims::of(open_map(token, key, Algorithm::RS256)?)
}

/// Verifies a token's signature and returns all its claims.
pub(crate) fn open_map(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<Map<String, Value>, Code> {
    let data = jsonwebtoken::decode(token, key, &signature_only(algorithm)).map_err(|_| Code::InvalidIdToken)?;
    Ok(data.claims)
}

impl Claims {
    /// Reads the claims in use, and checks their types.
    pub(crate) fn of(claims: Map<String, Value>) -> Result<Self, Code> {
        serde_json::from_value(Value::Object(claims)).map_err(|_| Code::InvalidIdToken)
    }

    /// Checks the values of the claims. An expired token that is otherwise valid has an error code of its own.
    pub(crate) fn check(&self, expected: &Expected<'_>, now: Timestamp) -> Result<(), Code> {
        let latest = now.seconds() + LEEWAY_SECONDS;
        let subject_is_good = !self.sub.is_empty()
            && self.sub.chars().count() <= expected.subject_limit
            && !self.sub.chars().any(char::is_control);
        let times_are_past = self.iat <= latest && self.auth_time <= latest && self.nbf.is_none_or(|nbf| nbf <= latest);
        if self.iss != expected.issuer || self.aud != expected.audience || !subject_is_good || !times_are_past {
            return Err(Code::InvalidIdToken);
        }
        if self.exp <= now.seconds() {
            return Err(Code::IdTokenExpired);
        }
        Ok(())
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
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    const NOW: i64 = 1_800_000_000;

    fn good() -> Value {
        json!({
            "iss": "https://issuer.example/app", "aud": "app", "sub": "user", "iat": NOW - 10, "exp": NOW + 3590,
            "auth_time": NOW - 10, "email": "a@b.c", "email_verified": true, "name": "Ada",
        })
    }

    /// Returns the result for valid claims with some replaced; a null removes a claim.
    fn checked(changes: Value) -> Result<(), Code> {
        let mut claims = good();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let claims: Claims = serde_json::from_value(claims).map_err(|_| Code::InvalidIdToken)?;
        let expected = Expected { issuer: "https://issuer.example/app", audience: "app", subject_limit: 128 };
        claims.check(&expected, Timestamp::from_millis(NOW * 1000).unwrap())
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
            assert_eq!(checked(bad.clone()), Err(Code::InvalidIdToken), "{bad}");
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
        assert_eq!(checked(json!({"exp": NOW})), Err(Code::IdTokenExpired));
        assert_eq!(checked(json!({"exp": NOW - 1, "aud": "other"})), Err(Code::InvalidIdToken));
    }

    #[test]
    fn a_header_must_say_rs256_and_name_a_key() {
        let key_id_of = |token: &str| header_of(token, &[Algorithm::RS256]).map(|(id, _)| id);
        let key_id = |header: Value| key_id_of(&format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(header.to_string())));
        assert_eq!(key_id(json!({"alg": "RS256", "kid": "k", "typ": "JWT"})), Ok("k".to_owned()));
        assert_eq!(key_id(json!({"alg": "RS256", "kid": "k"})), Ok("k".to_owned()));
        for bad in [
            json!({"alg": "none", "kid": "k"}),
            json!({"alg": "HS256", "kid": "k"}),
            json!({"alg": "RS512", "kid": "k"}),
            json!({"alg": "PS256", "kid": "k"}),
            json!({"kid": "k"}),
            json!({"alg": "RS256"}),
            json!({"alg": "RS256", "kid": ""}),
            json!({"alg": "RS256", "kid": 5}),
            json!({"alg": "RS256", "kid": "k", "typ": "at+jwt"}),
            json!({"alg": "RS256", "kid": "k", "crit": ["b64"], "b64": false}),
        ] {
            assert_eq!(key_id(bad.clone()), Err(Code::InvalidIdToken), "{bad}");
        }
        for bad in ["", ".", "..", "a.b", "a.b.c", "a.b.c.d"] {
            assert_eq!(key_id_of(bad), Err(Code::InvalidIdToken), "{bad}");
            assert_eq!(issuer_of(bad), Err(Code::InvalidIdToken), "{bad}");
        }
    }
}
