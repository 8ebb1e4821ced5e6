//! [`Secret`]: a setting whose value no message has.

use secrecy::SecretString;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

/// What `keyward config check` prints instead of a secret.
const REDACTED: &str = "[redacted]";

/// A secret setting. The type keeps its value out of messages: a value that can't be read gives only
/// [`SecretForm::FORM`], the resolved configuration and `Debug` show `[redacted]`.
#[derive(Clone)]
pub struct Secret<T>(T);

/// The forms of secret settings.
pub trait SecretForm {
    /// What a value must be, for the operator. It is all that is said of a value that can't be read.
    const FORM: &'static str;

    /// Writes the shape of the value, with [`REDACTED`] for each secret.
    ///
    /// # Errors
    /// Those of the serializer.
    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

impl<'de, T: Deserialize<'de> + SecretForm> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self).map_err(|error| {
            // serde's own errors quote the value. That of a missing setting has none.
            if error.to_string().starts_with("missing field") { error } else { D::Error::custom(T::FORM) }
        })
    }
}

impl<T: SecretForm> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.redacted(serializer)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T> Deref for Secret<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Secret<T> {
    /// Keeps a value out of messages.
    pub fn new(value: T) -> Self {
        Self(value)
    }
}

impl From<&str> for Secret<SecretString> {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Secret<SecretString> {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl SecretForm for SecretString {
    const FORM: &'static str = "must be a text; the value of an environment variable may need quotation marks of its own: \
         NAME='\"…\"'";

    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl SecretForm for Vec<SecretString> {
    const FORM: &'static str = "must be a list of texts, such as [\"…\", \"…\"]";

    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|_| REDACTED))
    }
}

impl SecretForm for BTreeMap<String, SecretString> {
    const FORM: &'static str = "must be a table of texts, such as { name = \"…\" }";

    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.keys().map(|name| (name, REDACTED)))
    }
}

impl Secret<BTreeMap<String, SecretString>> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Default for Secret<BTreeMap<String, SecretString>> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// One secret, or a list of them: the one in use first, and then those that it replaces.
#[derive(Clone)]
pub struct SecretAndFormer(Vec<SecretString>);

impl Deref for SecretAndFormer {
    type Target = [SecretString];

    fn deref(&self) -> &[SecretString] {
        &self.0
    }
}

impl SecretForm for SecretAndFormer {
    const FORM: &'static str = "must be a text, or a list of texts such as [\"NEW\", \"OLD\"]; the value of an environment \
         variable may need quotation marks of its own: NAME='\"…\"'";

    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &*self.0 {
            [_] => serializer.serialize_str(REDACTED),
            several => serializer.collect_seq(several.iter().map(|_| REDACTED)),
        }
    }
}

impl<'de> Deserialize<'de> for SecretAndFormer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;

        impl<'de> Visitor<'de> for OneOrMore {
            type Value = SecretAndFormer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(SecretAndFormer::FORM)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(SecretAndFormer(vec![text.into()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, texts: A) -> Result<Self::Value, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(texts)).map(SecretAndFormer)
            }
        }

        deserializer.deserialize_any(OneOrMore)
    }
}

impl<const N: usize> From<[&str; N]> for Secret<SecretAndFormer> {
    fn from(texts: [&str; N]) -> Self {
        Self(SecretAndFormer(texts.map(SecretString::from).into()))
    }
}

impl From<&str> for Secret<SecretAndFormer> {
    fn from(text: &str) -> Self {
        [text].into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};

    fn read<T: for<'de> Deserialize<'de> + SecretForm>(value: &Value) -> Result<Secret<T>, String> {
        serde_json::from_value(value.clone()).map_err(|error| error.to_string())
    }

    /// Checks that exactly the values of the form are read, and that neither errors nor output have a value.
    fn check<T: for<'de> Deserialize<'de> + SecretForm>(is_good: impl Fn(&Value) -> bool, shown: &[Value]) {
        let values = [
            json!("hunter2"),
            json!(["hunter2"]),
            json!(["hunter2", "hunter2"]),
            json!({"name": "hunter2"}),
            json!(48_151_623),
            json!(481.51623),
            json!(true),
            json!([48_151_623]),
            json!({"name": 48_151_623}),
            json!({"name": ["hunter2"]}),
            json!([["hunter2"]]),
            json!(null),
        ];
        let mut found = Vec::new();
        for value in &values {
            match read::<T>(value) {
                Ok(secret) => {
                    assert!(is_good(value), "{value}");
                    assert_eq!(format!("{secret:?}"), REDACTED);
                    found.push(serde_json::to_value(&secret).unwrap());
                }
                Err(error) => {
                    assert!(!is_good(value), "{value}: {error}");
                    assert_eq!(error, T::FORM, "{value}");
                }
            }
        }
        assert_eq!(found, shown);
    }

    #[test]
    fn no_value_of_a_wrong_type_is_repeated_and_no_good_one_is_shown() {
        let is_texts = |value: &Value| value.as_array().is_some_and(|all| all.iter().all(Value::is_string));
        let lists = [json!([REDACTED]), json!([REDACTED, REDACTED])];
        check::<SecretString>(Value::is_string, &[json!(REDACTED)]);
        check::<Vec<SecretString>>(is_texts, &lists);
        check::<BTreeMap<String, SecretString>>(
            |value| value.as_object().is_some_and(|all| all.values().all(Value::is_string)),
            &[json!({"name": REDACTED})],
        );
        let one_or_more = [json!(REDACTED), json!(REDACTED), lists[1].clone()];
        check::<SecretAndFormer>(|value| value.is_string() || is_texts(value), &one_or_more);
        assert_eq!(read::<SecretAndFormer>(&json!(["a", "b"])).unwrap()[1].expose_secret(), "b");
    }
}
