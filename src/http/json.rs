//! [`json`]: an answer in JSON, for the routes that are asked all the time.
//!
//! serde_json looks at each byte of each text, names of fields included, for one to escape, which costs more than all
//! else about an answer whose texts are mostly ids. Here a text is looked at eight bytes at a time, and names not at all.
//! Whatever would need escaping, and every shape that those answers do not have, is left to serde_json, which the test
//! compares with: byte for byte the same.

use crate::error::ApiError;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde::ser::{Error, Impossible, SerializeSeq, SerializeStruct, Serializer};
use std::fmt;

/// As much as the usual answer takes, so that it grows at most once.
const USUAL_LENGTH: usize = 512;

/// 200, with a value as its body. Cost: one allocation, and copying what is written.
///
/// # Errors
/// `internal` for a value that has no JSON.
pub fn json(value: &impl Serialize) -> Result<HttpResponse, ApiError> {
    let body = BoxBody::new(web::Bytes::from(text_of(value)?));
    let mut response = HttpResponse::with_body(StatusCode::OK, body);
    response.headers_mut().append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

fn text_of(value: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    let mut writer = Writer(Vec::with_capacity(USUAL_LENGTH));
    match value.serialize(&mut writer) {
        Ok(()) => Ok(writer.0),
        Err(Unusual) => serde_json::to_vec(value).map_err(ApiError::internal),
    }
}

struct Writer(Vec<u8>);

/// Something that serde_json is to write.
#[derive(Debug)]
struct Unusual;

impl Writer {
    /// Text that needs no escaping.
    fn plain(&mut self, text: &str) {
        self.0.push(b'"');
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(b'"');
    }

    fn bare(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }
}

/// Whether JSON escapes any of these: a control character, `"` or `\`.
fn needs_escape(text: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    // The high bit of each byte that is below `limit`, for bytes whose own high bit is clear (Hacker's Delight, 6-1). A
    // borrow from a byte that is below may mark the next one too, which does not change whether there is any.
    let any_below = |bytes: u64, limit: u64| bytes.wrapping_sub(ONES * limit) & !bytes & HIGH != 0;
    let in_eight = |bytes: u64| {
        any_below(bytes, 0x20)
            || any_below(bytes ^ (ONES * u64::from(b'"')), 1)
            || any_below(bytes ^ (ONES * u64::from(b'\\')), 1)
    };
    let (eights, rest) = text.as_chunks::<8>();
    eights.iter().any(|bytes| in_eight(u64::from_ne_bytes(*bytes)))
        || rest.iter().any(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\')
}

macro_rules! integers {
    ($($method:ident: $type:ty),+) => {$(
        fn $method(self, value: $type) -> Result<(), Unusual> {
            self.bare(itoa::Buffer::new().format(value));
            Ok(())
        }
    )+};
}

impl<'w> Serializer for &'w mut Writer {
    type Ok = ();
    type Error = Unusual;
    type SerializeSeq = List<'w>;
    type SerializeTuple = Impossible<(), Unusual>;
    type SerializeTupleStruct = Impossible<(), Unusual>;
    type SerializeTupleVariant = Impossible<(), Unusual>;
    type SerializeMap = Impossible<(), Unusual>;
    type SerializeStruct = List<'w>;
    type SerializeStructVariant = Impossible<(), Unusual>;

    fn serialize_str(self, text: &str) -> Result<(), Unusual> {
        if needs_escape(text.as_bytes()) {
            return serde_json::to_writer(&mut self.0, text).map_err(Unusual::custom);
        }
        self.plain(text);
        Ok(())
    }

    /// Names in code are plain.
    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<(), Unusual> {
        self.plain(name);
        Ok(())
    }

    fn serialize_bool(self, value: bool) -> Result<(), Unusual> {
        self.bare(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unusual> {
        self.bare("null");
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unusual> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unusual> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'w>, Unusual> {
        self.0.push(b'[');
        Ok(List { writer: self, has_one: false })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<List<'w>, Unusual> {
        self.0.push(b'{');
        Ok(List { writer: self, has_one: false })
    }

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64
    }

    fn serialize_f32(self, _: f32) -> Result<(), Unusual> {
        Err(Unusual)
    }

    fn serialize_f64(self, _: f64) -> Result<(), Unusual> {
        Err(Unusual)
    }

    fn serialize_char(self, _: char) -> Result<(), Unusual> {
        Err(Unusual)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Unusual> {
        Err(Unusual)
    }

    fn serialize_unit(self) -> Result<(), Unusual> {
        Err(Unusual)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unusual> {
        Err(Unusual)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Unusual> {
        Err(Unusual)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Unusual> {
        Err(Unusual)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Unusual> {
        Err(Unusual)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unusual> {
        Err(Unusual)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Unusual> {
        Err(Unusual)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unusual> {
        Err(Unusual)
    }
}

/// What is between `[` and `]`, or `{` and `}`.
struct List<'w> {
    writer: &'w mut Writer,
    has_one: bool,
}

impl List<'_> {
    fn next(&mut self) -> &mut Writer {
        if self.has_one {
            self.writer.0.push(b',');
        }
        self.has_one = true;
        self.writer
    }
}

impl SerializeSeq for List<'_> {
    type Ok = ();
    type Error = Unusual;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unusual> {
        value.serialize(self.next())
    }

    fn end(self) -> Result<(), Unusual> {
        self.writer.0.push(b']');
        Ok(())
    }
}

impl SerializeStruct for List<'_> {
    type Ok = ();
    type Error = Unusual;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Unusual> {
        let writer = self.next();
        writer.plain(name);
        writer.0.push(b':');
        value.serialize(writer)
    }

    fn end(self) -> Result<(), Unusual> {
        self.writer.0.push(b'}');
        Ok(())
    }
}

impl fmt::Display for Unusual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("left to serde_json")
    }
}

impl std::error::Error for Unusual {}

impl Error for Unusual {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Mood {
        VeryGood,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer<'t> {
        first_text: &'t str,
        maybe: Option<&'t str>,
        nothing: Option<u32>,
        numbers: Vec<i64>,
        empty: Vec<u32>,
        mood: Mood,
        is_so: bool,
        within: Within<'t>,
        #[serde(skip_serializing_if = "Option::is_none")]
        left_out: Option<u8>,
    }

    #[derive(Serialize)]
    struct Within<'t> {
        text: &'t str,
    }

    #[derive(Serialize)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Tagged<'t> {
        OfThisKind(Answer<'t>),
    }

    /// Written here, and not left to serde_json.
    fn assert_same(value: &impl Serialize) {
        let mut writer = Writer(Vec::new());
        value.serialize(&mut writer).unwrap();
        assert_eq!(String::from_utf8(writer.0).unwrap(), serde_json::to_string(value).unwrap());
    }

    fn answer(text: &str) -> Tagged<'_> {
        Tagged::OfThisKind(Answer {
            first_text: text,
            maybe: Some(text),
            nothing: None,
            numbers: vec![0, -1, i64::MAX, i64::MIN],
            empty: vec![],
            mood: Mood::VeryGood,
            is_so: true,
            within: Within { text },
            left_out: None,
        })
    }

    #[test]
    fn every_character_at_every_place_is_written_as_serde_json_does() {
        let others = ['\u{7f}', '\u{80}', 'é', '\u{2028}', '\u{feff}', '\u{ffff}', '😀'];
        for character in (0..0x80).map(char::from).chain(others) {
            for before in 0..18 {
                for after in [0, 1, 7, 8, 9] {
                    let text = format!("{}{character}{}", "a".repeat(before), "é".repeat(after));
                    assert_same(&text.as_str());
                }
            }
        }
    }

    #[test]
    fn hostile_names_stay_inside_their_field() {
        for text in [
            "",
            "Production",
            "\",\"role\":\"admin",
            "\\",
            "\\\"",
            "</script>",
            "a\u{0}b\u{1f}\t\r\n",
            "\u{2028}\u{2029}\u{202e}",
            "ключ 鍵 🔑 \"",
            "0123456\"",
            "01234567\"",
            "!!!!!!!!!!!!!!!!",
            "\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\"",
        ] {
            assert_same(&answer(text));
            let value: serde_json::Value = serde_json::from_slice(&text_of(&answer(text)).unwrap()).unwrap();
            assert_eq!((&value["firstText"], value["mood"].as_str()), (&text.into(), Some("very_good")));
        }
    }

    #[test]
    fn shapes_that_are_not_written_here_are_left_to_serde_json() {
        assert_eq!(text_of(&BTreeMap::from([("a", 1.5), ("b\n", -0.0)])).unwrap(), br#"{"a":1.5,"b\n":-0.0}"#);
        assert_eq!(text_of(&vec![Some((1, 'x')), None]).unwrap(), br#"[[1,"x"],null]"#);
        assert_eq!(text_of(&[(), ()]).unwrap(), b"[null,null]");
    }
}
