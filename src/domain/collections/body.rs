//! Reads documents from request bodies: takes them out of their envelope, and refuses duplicate field names.
//!
//! Of two fields with one name, `serde_json` takes the last, other parsers the first ([RFC 8259,
//! 4](https://www.rfc-editor.org/rfc/rfc8259#section-4)). The value that is checked here must be the value that is used
//! elsewhere, so such a body is refused.

use super::collection::Collection;
use crate::base::error::ApiError;
use crate::base::input::plain::not_json;
use crate::base::sql::JsonObject;
use crate::infra::http::Body;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};
use std::fmt;

/// Reads a body. Returns its document, and its bytes for the comparison by an idempotency key.
///
/// # Errors
/// Those of [`Body::json`]; `bad_request` for a body that is not JSON; `validation_failed` for JSON of another shape,
/// with the field's JSON Pointer.
pub async fn read(body: Body<()>, collection: &Collection) -> Result<(JsonObject, Vec<u8>), ApiError> {
    let bytes = body.json().await?;
    let document = unwrap(collection, parse(&bytes)?)?;
    Ok((document, bytes))
}

/// The JSON Pointer of the document in a request's body: empty, or that of the envelope.
pub fn within(collection: &Collection) -> String {
    collection.envelope.as_ref().map_or_else(String::new, |envelope| format!("/{envelope}"))
}

fn unwrap(collection: &Collection, mut body: Map<String, Value>) -> Result<JsonObject, ApiError> {
    let Some(envelope) = &collection.envelope else { return Ok(JsonObject(body)) };
    let refusal = |field: &str, message: &str| Err(ApiError::invalid(format!("/{field}"), message));
    let document = body.remove(envelope);
    if let Some(unknown) = body.keys().next() {
        return refusal(unknown, "is not a known field");
    }
    match document {
        Some(Value::Object(document)) => Ok(JsonObject(document)),
        Some(_) => refusal(envelope, "must be an object"),
        None => refusal(envelope, "is required"),
    }
}

fn parse(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let no_json = |error: serde_json::Error| ApiError::bad_request(not_json(bytes, &error));
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize::<_, Unambiguous>(&mut deserializer);
    let Unambiguous(value) = parsed.map_err(|error| {
        let place = pointer(error.path());
        match error.inner().classify() {
            Category::Data => ApiError::invalid(place, "an object must not have two fields of one name"),
            _ => no_json(error.into_inner()),
        }
    })?;
    deserializer.end().map_err(no_json)?;
    match value {
        Value::Object(fields) => Ok(fields),
        _ => Err(ApiError::invalid("", "must be an object")),
    }
}

fn pointer(path: &Path) -> String {
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", escaped(key)),
        Segment::Enum { variant } => format!("/{}", escaped(variant)),
        Segment::Unknown => String::new(),
    };
    path.iter().map(step).collect()
}

/// Escapes a field's name for a JSON Pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901#section-3)).
pub fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A JSON value without duplicate field names.
struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Seed.deserialize(deserializer).map(Self)
    }
}

struct Seed;

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let value = fields.next_value_seed(Self)?;
            if all.insert(name, value).is_some() {
                return Err(A::Error::custom("a field comes twice"));
            }
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_comes_twice_is_refused_at_any_depth() {
        for bad in [r#"{"a":1,"a":1}"#, r#"{"a":[{"b":1,"b":2}]}"#] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let parsed = parse(br#"{"a":[{"b":1},{"b":2.5}],"c":null,"d":"x","e":true,"f":-1}"#).unwrap();
        assert_eq!(Value::Object(parsed).to_string(), r#"{"a":[{"b":1},{"b":2.5}],"c":null,"d":"x","e":true,"f":-1}"#);
    }
}
