//! Reads documents from request bodies: takes them out of their envelope, and refuses duplicate field names.
//!
//! Of two fields with one name, `serde_json` takes the last, other parsers the first ([RFC 8259,
//! 4](https://www.rfc-editor.org/rfc/rfc8259#section-4)). The value that is checked here must be the value that is used
//! elsewhere, so such a body is refused. So is one with a number that would be rounded ([`numbers`](super::numbers)).

use super::collection::Collection;
use super::numbers::Reader;
use super::schema::DocumentSchema;
use crate::base::error::{ApiError, FieldError};
use crate::base::input::plain::not_json;
use crate::base::sql::JsonObject;
use crate::infra::http::Body;
use serde::de::DeserializeSeed;
use serde_json::error::Category;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment, Track};

/// How `serde_json` begins its error about a number above all doubles. It has no other sign for it.
const OUT_OF_RANGE: &str = "number out of range";

/// Reads a body. Returns its document, and its bytes for the comparison by an idempotency key.
///
/// # Errors
/// Those of [`Body::json`]; `bad_request` for a body that is not JSON; `validation_failed` for JSON of another shape,
/// or with a number that can't be kept exactly, with the field's JSON Pointer.
pub async fn read(body: Body<()>, collection: &Collection) -> Result<(JsonObject, Vec<u8>), ApiError> {
    let bytes = body.json().await?;
    let (parsed, faults) = parse(&bytes, &collection.schema, usize::from(collection.envelope.is_some()))?;
    let document = unwrap(collection, parsed)?;
    if !faults.is_empty() {
        return Err(ApiError::invalid_fields(faults));
    }
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

/// Returns the object, and its numbers beyond 64 bits that the schema does not want.
fn parse(
    bytes: &[u8],
    schema: &DocumentSchema,
    depth: usize,
) -> Result<(Map<String, Value>, Vec<FieldError>), ApiError> {
    let no_json = |error: serde_json::Error| ApiError::bad_request(not_json(bytes, &error));
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let (mut reader, mut track) = (Reader::of(bytes, schema, depth), Track::new());
    let parsed = reader.deserialize(serde_path_to_error::Deserializer::new(&mut deserializer, &mut track));
    let value = match parsed {
        Ok(value) => value,
        Err(error) => {
            let place = pointer(&track.path());
            let rule = match reader.inexact {
                None if error.to_string().starts_with(OUT_OF_RANGE) => reader.next_breaks(),
                rule => rule,
            };
            return Err(match (rule, error.classify()) {
                (Some(rule), _) => ApiError::invalid(place, rule),
                (None, Category::Data) => ApiError::invalid(place, "an object must not have two fields of one name"),
                (None, _) => no_json(error),
            });
        }
    };
    deserializer.end().map_err(no_json)?;
    match value {
        Value::Object(fields) => Ok((fields, reader.faults)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Code;
    use crate::base::json_number::{BEYOND_64_BITS, INEXACT};

    fn parse(bytes: &[u8]) -> Result<(Map<String, Value>, Vec<FieldError>), ApiError> {
        super::parse(bytes, &DocumentSchema::compile(None).unwrap(), 0)
    }

    #[test]
    fn a_field_that_comes_twice_is_refused_at_any_depth() {
        for bad in [r#"{"a":1,"a":1}"#, r#"{"a":[{"b":1,"b":2}]}"#] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let (parsed, _) = parse(br#"{"a":[{"b":1},{"b":2.5}],"c":null,"d":"x","e":true,"f":-1}"#).unwrap();
        assert_eq!(Value::Object(parsed).to_string(), r#"{"a":[{"b":1},{"b":2.5}],"c":null,"d":"x","e":true,"f":-1}"#);
    }

    #[test]
    fn a_number_that_would_be_rounded_is_refused_at_its_place() {
        for (number, message) in [
            ("1e400", INEXACT),
            ("-1e400", INEXACT),
            ("1e-400", INEXACT),
            ("0.1000000000000000000001", INEXACT),
            ("18446744073709551616", BEYOND_64_BITS),
        ] {
            let body = format!(r#"{{"0":"1e400","a/b":[1.5,{{"c":{number}}}],"d":1e400}}"#);
            let error = parse(body.as_bytes()).unwrap_err();
            assert_eq!(
                (error.code, error.details[0].field.as_str()),
                (Code::ValidationFailed, "/a~1b/1/c"),
                "{number}"
            );
            assert_eq!(error.details[0].message, message, "{number}");
        }
        for no_json in [r#"{"a":1e400,}"#, r#"{"a":01}"#, r#"{"a":1.}"#, r#"{"a":x,"b":1e400}"#, "1e400 x", "{"] {
            let code = parse(no_json.as_bytes()).unwrap_err().code;
            assert!([Code::BadRequest, Code::ValidationFailed].contains(&code), "{no_json}");
        }
        assert_eq!(parse(br#"{"a":x,"b":1e400}"#).unwrap_err().code, Code::BadRequest);
    }

    #[test]
    fn integers_beyond_64_bits_are_found_at_their_places() {
        let body = br#"{"z":1e20,"a":[0,100000000000000000000],"b":18446744073709551615,"c":1e18}"#;
        let (parsed, faults) = parse(body).unwrap();
        let places: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(places, ["/a/1"]);
        let text = Value::Object(parsed).to_string();
        assert_eq!(text, r#"{"a":[0,1e+20],"b":18446744073709551615,"c":1000000000000000000,"z":1e+20}"#);
    }

    #[test]
    fn a_document_of_large_numbers_is_read_in_its_own_time() {
        let numbers = |count: usize| vec!["[100000000000000000000]"; count].join(",");
        let body = |count| format!("{{\"a\":{}{}{}}}", "[".repeat(100), numbers(count), "]".repeat(100));
        let (_, faults) = parse(body(10_000).as_bytes()).unwrap();
        assert_eq!(faults.len(), 20);
    }
}
