//! Values that are checked as they are parsed, so that a handler never gets an invalid one.

use crate::base::text::{is_unprintable, shows_nothing, trim_pasted};
use secrecy::{ExposeSecret, SecretString};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::marker::PhantomData;

/// Reads a secret that a person may have pasted.
///
/// # Errors
/// Those of the format, for a value that is no text.
pub fn pasted_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    let text = SecretString::deserialize(deserializer)?;
    Ok(trim_pasted(text.expose_secret()).into())
}

/// The most characters of a name.
pub const NAME_LIMIT: usize = 100;

/// A display name: 1 to 100 characters, some of them visible, no control characters, no blank at its ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Name(String);

impl Name {
    pub fn into_string(self) -> String {
        self.0
    }
}

/// The most characters of a description.
pub const DESCRIPTION_LIMIT: usize = 500;

/// A description: 1 to 500 characters, no control characters, no blank at its ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Description(String);

impl Description {
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<'de> Deserialize<'de> for Description {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let text = trim_pasted(&text);
        let length = text.chars().count();
        if length == 0 || length > DESCRIPTION_LIMIT {
            let message = format!("must be 1 to {DESCRIPTION_LIMIT} characters long; it is {length}");
            return Err(serde::de::Error::custom(message));
        }
        if text.chars().any(is_unprintable) {
            return Err(serde::de::Error::custom("must not contain control characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl utoipa::PartialSchema for Description {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .min_length(Some(1))
            .max_length(Some(DESCRIPTION_LIMIT))
            .description(Some("1 to 500 characters, without control characters."))
            .examples(["Sees invoices, and voids them"])
            .into()
    }
}
impl utoipa::ToSchema for Description {}

/// Trims a name and checks it.
pub fn name(text: &str) -> Result<Name, String> {
    let text = trim_pasted(text);
    let length = text.chars().count();
    if length == 0 || length > NAME_LIMIT {
        return Err(format!("must be 1 to {NAME_LIMIT} characters long; it is {length}"));
    }
    if text.chars().any(is_unprintable) {
        return Err("must not contain control characters".into());
    }
    if text.chars().all(shows_nothing) {
        return Err("must have a character that can be seen".into());
    }
    Ok(Name(text.to_owned()))
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        name(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Name {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .min_length(Some(1))
            .max_length(Some(NAME_LIMIT))
            .description(Some("1 to 100 characters, without control characters."))
            .examples(["Production"])
            .into()
    }
}
impl utoipa::ToSchema for Name {}

/// Distinguishes an absent field (`None`) from a null one (`Some(None)`), for PATCH.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A struct that is read only from a JSON object: serde would also accept an array of the fields' values.
#[derive(Clone, Copy, Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfMap<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for OfMap<T> {
            type Value = T;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_map(OfMap(PhantomData)).map(Self)
    }
}

/// Reads a list of [`Object`]s and unwraps them.
///
/// # Errors
/// Those of the deserializer.
pub fn objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let objects = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|Object(value)| value).collect())
}

/// Reads an [`Object`] or null, and unwraps it.
///
/// # Errors
/// Those of the deserializer.
pub fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|Object(value)| value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_names_length_is_counted_in_characters() {
        assert!(name(&"é".repeat(100)).is_ok());
        assert!(name(&"é".repeat(101)).is_err());
        assert_eq!(name("  CI bot ").unwrap().into_string(), "CI bot");
        for bad in ["", "   ", "a\0b", "a\u{202e}b", "line\nbreak"] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }
}
