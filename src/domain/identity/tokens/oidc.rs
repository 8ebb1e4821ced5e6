//! [`Oidc`]: normalizes claims that OpenID Connect defines more freely than Firebase.
//!
//! [`Oidc::normalize`] checks the audience and converts the claims to those of a Firebase token, which one set of rules
//! then checks: `aud` is a string, `auth_time` is present, e-mail address and name have their usual names.

use super::fault::TokenFault;
use crate::base::config::{OidcSettings, TrustEmail};
use serde_json::{Map, Value};

/// No time is this far from 1970, in seconds: all of them are exact as doubles.
const MAX_SECONDS: f64 = 1e15;

/// The settings of one issuer.
pub(crate) struct Oidc {
    settings: OidcSettings,
}

impl Oidc {
    pub(crate) fn new(settings: OidcSettings) -> Self {
        Self { settings }
    }

    /// Returns the `aud` of normalized claims.
    pub(crate) fn audience(&self) -> &str {
        self.settings.audience.as_deref().unwrap_or_default()
    }

    /// Returns the claims in Firebase's form.
    pub(crate) fn normalize(&self, mut claims: Map<String, Value>) -> Result<Map<String, Value>, TokenFault> {
        self.check_audience(&claims)?;
        claims.insert("aud".into(), self.audience().into());
        for name in ["iat", "exp", "nbf", "auth_time"] {
            if let Some(time) = claims.get_mut(name) {
                cut_fraction(time);
            }
        }
        if claims.get("iat").is_some_and(|time| !time.is_i64()) {
            return Err(TokenFault::new("iat: is of a wrong type"));
        }
        // Optional here (OpenID Connect Core 1.0, 2). Only the built-in provider needs the age of a sign-in.
        if let (None, Some(issued_at)) = (claims.get("auth_time"), claims.get("iat").cloned()) {
            claims.insert("auth_time".into(), issued_at);
        }
        let settings = &self.settings;
        let take = |name: &String| claims.get(name).filter(|value| !value.is_null()).cloned();
        let (email, name) = (take(&settings.email_claim), take(&settings.name_claim));
        let says_verified = claims.get(&settings.email_verified_claim) == Some(&Value::Bool(true));
        let verified = email.is_some()
            && match settings.trust_email {
                TrustEmail::Never => false,
                TrustEmail::Verified => says_verified,
                TrustEmail::Always => true,
            };
        for (standard, value) in [("email", email), ("name", name)] {
            match value {
                Some(value) => claims.insert(standard.into(), value),
                None => claims.remove(standard),
            };
        }
        claims.insert("email_verified".into(), verified.into());
        Ok(claims)
    }

    /// Checks that the token is for this server and for no other party: OpenID Connect Core 1.0, 3.1.3.7.
    fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), TokenFault> {
        let party = match claims.get("azp") {
            None => None,
            Some(Value::String(party)) => Some(party),
            Some(_) => return Err(TokenFault::new("azp: is of a wrong type")),
        };
        let is_authorized = party.is_some_and(|party| self.settings.authorized_parties.contains(party));
        let is_ours = |party: &String| Some(party) == self.settings.audience.as_ref();
        let good = match (&self.settings.audience, claims.get("aud")) {
            (None, None) => is_authorized,
            (Some(ours), Some(Value::String(audience))) => audience == ours,
            (Some(ours), Some(Value::Array(audiences))) => {
                let one_of_several = audiences.len() > 1;
                audiences.iter().all(Value::is_string)
                    && audiences.iter().any(|audience| audience == ours)
                    && (!one_of_several || is_authorized || party.is_some_and(is_ours))
            }
            _ => false,
        };
        if !good {
            return Err(TokenFault::new("aud: is another audience, or one of several without a fitting azp"));
        }
        match self.settings.authorized_parties.is_empty() || is_authorized {
            true => Ok(()),
            false => Err(TokenFault::new("azp: is none of authorized_parties")),
        }
    }
}

/// Cuts a time to whole seconds. A NumericDate may have a fraction ([RFC
/// 7519, 2](https://www.rfc-editor.org/rfc/rfc7519#section-2)).
fn cut_fraction(time: &mut Value) {
    if !time.is_f64() {
        return;
    }
    let seconds = time.as_f64().map(f64::floor).filter(|seconds| seconds.abs() < MAX_SECONDS);
    if let Some(seconds) = seconds {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and within the bounds")]
        let whole = seconds as i64;
        *time = whole.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn oidc(settings: Value) -> Oidc {
        let mut all = json!({ "issuer": "https://issuer.example" });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        match serde_json::from_value(all).unwrap() {
            crate::base::config::IssuerSettings::Oidc(settings) => Oidc::new(settings),
            other => panic!("{other:?}"),
        }
    }

    fn normalized(rules: &Oidc, claims: Value) -> Result<Value, String> {
        let claims = rules.normalize(claims.as_object().unwrap().clone());
        claims.map(Value::Object).map_err(|fault| fault.rule.split(':').next().unwrap().to_owned())
    }

    #[test]
    fn times_may_have_a_fraction() {
        let rules = oidc(json!({ "audience": "app" }));
        let claims = normalized(
            &rules,
            json!({ "aud": "app", "iat": 7.9, "exp": 1.8e9, "nbf": -0.5, "auth_time": 1e300, "other": 1.5 }),
        );
        let expected = json!({
            "aud": "app", "iat": 7, "exp": 1_800_000_000, "nbf": -1, "auth_time": 1e300, "other": 1.5,
            "email_verified": false,
        });
        assert_eq!(claims, Ok(expected));
        let claims = normalized(&rules, json!({ "aud": "app", "iat": 7.9 })).unwrap();
        assert_eq!(claims["auth_time"], 7);
        for bad in [json!("7.9"), json!(1e300), json!([7])] {
            assert_eq!(normalized(&rules, json!({ "aud": "app", "iat": bad })), Err("iat".to_owned()));
        }
    }

    #[test]
    fn the_token_is_for_us_and_nobody_elses() {
        let with_audience = oidc(json!({ "audience": "app" }));
        for good in [
            json!({ "aud": "app" }),
            json!({ "aud": ["app"] }),
            json!({ "aud": ["app"], "azp": "frontend" }),
            json!({ "aud": "app", "azp": "frontend" }),
            json!({ "aud": ["other", "app"], "azp": "app" }),
        ] {
            assert_eq!(
                normalized(&with_audience, good.clone()).map(|claims| claims["aud"].clone()),
                Ok(json!("app")),
                "{good}"
            );
        }
        for bad in [
            json!({}),
            json!({ "aud": "other" }),
            json!({ "aud": "" }),
            json!({ "aud": [] }),
            json!({ "aud": ["other"] }),
            json!({ "aud": ["app", 5], "azp": "app" }),
            json!({ "aud": ["app", "other"] }),
            json!({ "aud": ["app", "other"], "azp": "other" }),
            json!({ "aud": "app", "azp": ["app"] }),
            json!({ "aud": { "app": true } }),
        ] {
            let rule = if bad["azp"].is_array() { "azp" } else { "aud" };
            assert_eq!(normalized(&with_audience, bad.clone()), Err(rule.to_owned()), "{bad}");
        }
    }

    #[test]
    fn tokens_without_an_audience_need_an_authorized_party() {
        let without = oidc(json!({ "authorized_parties": ["https://app.example"] }));
        assert!(normalized(&without, json!({ "azp": "https://app.example" })).is_ok());
        for bad in
            [json!({}), json!({ "azp": "https://evil.example" }), json!({ "azp": "https://app.example", "aud": "x" })]
        {
            assert_eq!(normalized(&without, bad.clone()), Err("aud".to_owned()), "{bad}");
        }
        let both = oidc(json!({ "audience": "app", "authorized_parties": ["frontend"] }));
        assert!(normalized(&both, json!({ "aud": ["app", "other"], "azp": "frontend" })).is_ok());
        for bad in [json!({ "aud": "app" }), json!({ "aud": "app", "azp": "app" })] {
            assert_eq!(normalized(&both, bad.clone()), Err("azp".to_owned()), "{bad}");
        }
    }

    #[test]
    fn an_address_counts_as_configured() {
        let verified = |trust: &str, claims: Value| {
            let rules =
                oidc(json!({ "audience": "app", "trust_email": trust, "email_claim": "mail", "name_claim": "nick" }));
            let mut all = json!({ "aud": "app", "iat": 7, "email": "another@b.c", "nick": "Ada", "name": "x" });
            all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
            let claims = normalized(&rules, all).unwrap();
            assert_eq!((&claims["name"], &claims["auth_time"]), (&json!("Ada"), &json!(7)));
            assert_ne!(claims["email"], "another@b.c");
            claims["email_verified"] == true
        };
        let (says, silent) = (json!({ "mail": "a@b.c", "email_verified": true }), json!({ "mail": "a@b.c" }));
        assert!(verified("verified", says.clone()) && verified("always", silent.clone()));
        assert!(!verified("never", says) && !verified("verified", silent));
        assert!(!verified("verified", json!({ "mail": "a@b.c", "email_verified": "true" })));
        assert!(!verified("always", json!({ "email_verified": true })), "no address");
    }
}
