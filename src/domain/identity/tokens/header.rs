//! A token before its verification: the issuer that it names, and its [`Header`].

use super::fault::TokenFault;
use jsonwebtoken::Algorithm;
use serde::Deserialize;

/// Returns the issuer in the token, unverified.
pub(crate) fn issuer_of(token: &str) -> Result<String, TokenFault> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    let claims: Issuer = jsonwebtoken::dangerous::insecure_decode_claims(token)
        .map_err(|_| TokenFault::new("iss: the token is no JWT, or has no iss"))?;
    Ok(claims.iss)
}

/// Whether a token must name its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyId {
    Required,
    /// As RFC 7515, 4.1.4 has it.
    Optional,
}

/// What a token's header says of its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) key_id: Option<String>,
    pub(crate) algorithm: Algorithm,
}

/// Checks the header of an ID token.
pub(crate) fn header_of(token: &str, allowed: &[Algorithm], key_id: KeyId) -> Result<Header, TokenFault> {
    header_of_type(token, allowed, key_id, |typ| typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT")))
}

/// [`header_of`] for a token of another kind, which only the `typ` tells: tokens of several kinds have the same keys.
pub(crate) fn header_of_type(
    token: &str,
    allowed: &[Algorithm],
    key_id: KeyId,
    is_typ: impl FnOnce(Option<&str>) -> bool,
) -> Result<Header, TokenFault> {
    let fault = |rule: &'static str| Err(TokenFault::new(rule));
    let Ok(header) = jsonwebtoken::decode_header(token) else {
        return fault("header: the token is no JWT, or its alg is unknown");
    };
    if !allowed.contains(&header.alg) {
        return fault("alg: the algorithm is not accepted for this issuer");
    }
    if !is_typ(header.typ.as_deref()) {
        return fault("typ: is that of another kind of token");
    }
    // `crit` names extensions that a verifier must support (RFC 7515, 4.1.11); this one supports none.
    if header.crit.is_some() {
        return fault("crit: no extension is supported");
    }
    let id = header.kid.filter(|id| !id.is_empty());
    if id.is_none() && key_id == KeyId::Required {
        return fault("kid: is missing");
    }
    Ok(Header { key_id: id, algorithm: header.alg })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    #[test]
    fn a_header_must_say_rs256_and_name_a_key_where_one_is_required() {
        let header = |header: Value, key_id| {
            let token = format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(header.to_string()));
            let found = header_of(&token, &[Algorithm::RS256], key_id);
            found.map(|header| header.key_id).map_err(|fault| fault.rule.split(':').next().unwrap().to_owned())
        };
        let named = Ok(Some("k".to_owned()));
        assert_eq!(header(json!({"alg": "RS256", "kid": "k", "typ": "JWT"}), KeyId::Required), named);
        assert_eq!(header(json!({"alg": "RS256", "kid": "k"}), KeyId::Optional), named);
        for (bad, rule) in [
            (json!({"alg": "none", "kid": "k"}), "header"),
            (json!({"alg": "HS256", "kid": "k"}), "alg"),
            (json!({"alg": "RS512", "kid": "k"}), "alg"),
            (json!({"alg": "PS256", "kid": "k"}), "alg"),
            (json!({"kid": "k"}), "header"),
            (json!({"alg": "RS256", "kid": 5}), "header"),
            (json!({"alg": "RS256", "kid": "k", "typ": "at+jwt"}), "typ"),
            (json!({"alg": "RS256", "kid": "k", "crit": ["b64"], "b64": false}), "crit"),
        ] {
            for key_id in [KeyId::Required, KeyId::Optional] {
                assert_eq!(header(bad.clone(), key_id), Err(rule.to_owned()), "{bad}");
            }
        }
        for bare in [json!({"alg": "RS256"}), json!({"alg": "RS256", "kid": ""})] {
            assert_eq!(header(bare.clone(), KeyId::Required), Err("kid".to_owned()), "{bare}");
            assert_eq!(header(bare.clone(), KeyId::Optional), Ok(None), "{bare}");
        }
        for bad in ["", ".", "..", "a.b", "a.b.c", "a.b.c.d"] {
            assert!(header_of(bad, &[Algorithm::RS256], KeyId::Optional).is_err(), "{bad}");
            assert!(issuer_of(bad).is_err(), "{bad}");
        }
    }
}
