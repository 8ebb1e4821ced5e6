//! `allow_anonymous` and `required_claims` of an issuer: which of its users may sign in.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Which users of an issuer may sign in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdmissionSettings {
    /// Whether users without any sign-in may, whom Firebase and Supabase call anonymous.
    pub allow_anonymous: bool,
    pub required_claims: RequiredClaims,
}

/// Claims that each token must have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Value>", into = "BTreeMap<String, Value>")]
pub struct RequiredClaims(Vec<RequiredClaim>);

/// A claim, and the values that it may have.
#[derive(Clone, Debug, PartialEq)]
pub struct RequiredClaim {
    /// As in the configuration: a claim's name, a path with dots, a URL, or a JSON Pointer.
    pub name: String,
    /// The names from the outermost object.
    path: Vec<String>,
    /// Texts, integers and booleans; one is enough.
    values: Vec<Value>,
}

impl RequiredClaims {
    pub fn iter(&self) -> impl Iterator<Item = &RequiredClaim> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl RequiredClaim {
    /// Returns whether the claim is one of the values, or is an array that contains one.
    pub fn is_in(&self, claims: &Map<String, Value>) -> bool {
        let Some((first, rest)) = self.path.split_first() else { return false };
        let found = claims.get(first).and_then(|value| rest.iter().try_fold(value, |value, step| value.get(step)));
        match found {
            Some(Value::Array(items)) => items.iter().any(|item| self.values.contains(item)),
            Some(value) => self.values.contains(value),
            None => false,
        }
    }
}

impl TryFrom<BTreeMap<String, Value>> for RequiredClaims {
    type Error = String;

    fn try_from(written: BTreeMap<String, Value>) -> Result<Self, String> {
        let claim = |(name, value): (String, Value)| {
            let path = path_of(&name).ok_or_else(|| {
                format!(
                    "required_claims: {name:?} must be a claim's name, a path such as \"realm_access.roles\", a URL, \
                     or a JSON Pointer such as \"/app_metadata/plan\""
                )
            })?;
            let values = match value {
                Value::Array(values) => values,
                value => vec![value],
            };
            let is_plain = |value: &Value| value.is_string() || value.is_boolean() || value.is_i64() || value.is_u64();
            if values.is_empty() || !values.iter().all(is_plain) {
                return Err(format!(
                    "required_claims: {name:?} must have a text, an integer, true or false, or a list of them of which \
                     one is enough"
                ));
            }
            Ok(RequiredClaim { name, path, values })
        };
        written.into_iter().map(claim).collect::<Result<_, _>>().map(Self)
    }
}

impl From<RequiredClaims> for BTreeMap<String, Value> {
    fn from(claims: RequiredClaims) -> Self {
        claims.0.into_iter().map(|claim| (claim.name, Value::Array(claim.values))).collect()
    }
}

/// Returns the names from the outermost object. A URL is one name: issuers name their own claims so.
fn path_of(name: &str) -> Option<Vec<String>> {
    let path: Vec<String> = match name.strip_prefix('/') {
        Some(pointer) => pointer.split('/').map(unescaped).collect::<Option<_>>()?,
        None if name.contains("://") => vec![name.to_owned()],
        None => name.split('.').map(str::to_owned).collect(),
    };
    let is_name = |step: &String| !step.is_empty() && !step.chars().any(|c| c.is_control() || c.is_whitespace());
    path.iter().all(is_name).then_some(path)
}

/// Decodes a step of a JSON Pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901#section-3)).
fn unescaped(step: &str) -> Option<String> {
    let is_escaped = step.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    is_escaped.then(|| step.replace("~1", "/").replace("~0", "~"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn required(written: Value) -> Result<RequiredClaims, String> {
        RequiredClaims::try_from(serde_json::from_value::<BTreeMap<String, Value>>(written).unwrap())
    }

    #[test]
    fn a_claim_is_one_of_the_values_or_contains_one() {
        let claims = json!({
            "email_verified": true, "hd": "example.com", "level": 3, "roles": ["b", "c"],
            "realm_access": { "roles": ["admin"] }, "https://app.example/plan": "pro", "a/b": { "~": 1 },
            "flat.name": "x", "text": "true", "none": null, "empty": [],
        });
        let holds = |written: Value| {
            let claims = claims.as_object().unwrap();
            required(written).unwrap().iter().all(|claim| claim.is_in(claims))
        };
        for good in [
            json!({}),
            json!({ "email_verified": true, "hd": "example.com", "level": [2, 3] }),
            json!({ "roles": ["a", "b"] }),
            json!({ "roles": "c" }),
            json!({ "realm_access.roles": "admin" }),
            json!({ "/realm_access/roles": "admin" }),
            json!({ "https://app.example/plan": ["pro", "team"] }),
            json!({ "/a~1b/~0": 1 }),
            json!({ "/flat.name": "x" }),
        ] {
            assert!(holds(good.clone()), "{good}");
        }
        for bad in [
            json!({ "email_verified": false }),
            json!({ "email_verified": "true" }),
            json!({ "text": true }),
            json!({ "hd": "Example.com" }),
            json!({ "hd": "example.com", "level": 4 }),
            json!({ "roles": ["a", "d"] }),
            json!({ "roles.0": "b" }),
            json!({ "flat.name": "x" }),
            json!({ "none": "null" }),
            json!({ "empty": "" }),
            json!({ "missing": true }),
            json!({ "hd.more": "example.com" }),
        ] {
            assert!(!holds(bad.clone()), "{bad}");
        }
    }

    #[test]
    fn what_can_not_be_required_is_refused_by_name() {
        for (bad, words) in [
            (json!({ "hd": [] }), "\"hd\" must have a text"),
            (json!({ "hd": null }), "\"hd\" must have a text"),
            (json!({ "hd": 1.5 }), "\"hd\" must have a text"),
            (json!({ "hd": { "eq": "x" } }), "\"hd\" must have a text"),
            (json!({ "hd": ["x", ["y"]] }), "\"hd\" must have a text"),
            (json!({ "": true }), "\"\" must be a claim's name"),
            (json!({ "a..b": true }), "\"a..b\" must be a claim's name"),
            (json!({ "/": true }), "\"/\" must be a claim's name"),
            (json!({ "/a~2": true }), "\"/a~2\" must be a claim's name"),
            (json!({ "a b": true }), "\"a b\" must be a claim's name"),
        ] {
            let reason = required(bad.clone()).unwrap_err();
            assert!(reason.contains(words), "{bad}: {reason}");
        }
        let same = required(json!({ "roles": ["a", "b"], "hd": "x" })).unwrap();
        let written = serde_json::to_value(&same).unwrap();
        assert_eq!(required(written).unwrap(), same, "it survives being written");
    }
}
