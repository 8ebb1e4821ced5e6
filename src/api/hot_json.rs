//! [`json`]: fast JSON answers, for hot routes.
//!
//! serde_json writes each name and each mark separately, and searches each byte of each text for one to escape. For an
//! answer whose texts are mostly ids, that is more work than everything else. Here the text between two values is
//! joined at compile time (`write_json!`), and text that can't need an escape is not
//! searched. The types written here also implement `Serialize`: tests compare the two, byte for byte, and the OpenAPI
//! document is made from `Serialize`.

use crate::base::ids::{KeyId, OrganizationId, UserId, WorkspaceId};
use crate::base::policy::{KeyPermissions, RoleName, Scope, SubscriptionStatus};
use crate::base::time::Timestamp;
use crate::domain::tenancy::PersonStatus;
use crate::infra::http::Page;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, web};
use std::io::Write;

/// The length of the usual answer in bytes, so that a buffer grows at most once.
const USUAL_LENGTH: usize = 512;

/// Returns 200 with the value as its body. Cost: one allocation, and one copy of the text.
pub fn json(value: &impl WriteJson) -> HttpResponse {
    let mut text = Vec::with_capacity(USUAL_LENGTH);
    value.write_json(&mut text);
    let mut response = HttpResponse::with_body(StatusCode::OK, BoxBody::new(web::Bytes::from(text)));
    response.headers_mut().append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A type that writes itself as JSON, byte for byte as its `Serialize` does.
pub trait WriteJson {
    /// Appends the value's JSON.
    fn write_json(&self, out: &mut Vec<u8>);
}

/// Writes text that needs no escape, such as an id, in quotation marks.
pub fn write_plain(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

/// Implements [`WriteJson`] for a struct: an object of these fields, in this order, after `"tag": "value"` if given.
///
/// ```text
/// write_json!(Point<'_> { "kind" = "point"; "x": x, "y": y });
/// ```
macro_rules! write_json {
    ($type:ty { $first_name:literal: $first:ident $(, $name:literal: $field:ident)* $(,)? }) => {
        write_json!(@impl $type, concat!("{\"", $first_name, "\":"), $first $(, $name: $field)*);
    };
    ($type:ty { $tag:literal = $value:literal; $first_name:literal: $first:ident $(, $name:literal: $field:ident)* $(,)? }) => {
        write_json!(@impl $type, concat!("{\"", $tag, "\":\"", $value, "\",\"", $first_name, "\":"), $first $(, $name: $field)*);
    };
    (@impl $type:ty, $start:expr, $first:ident $(, $name:literal: $field:ident)*) => {
        impl $crate::api::hot_json::WriteJson for $type {
            fn write_json(&self, out: &mut Vec<u8>) {
                out.extend_from_slice($start.as_bytes());
                self.$first.write_json(out);
                $(
                    out.extend_from_slice(concat!(",\"", $name, "\":").as_bytes());
                    self.$field.write_json(out);
                )*
                out.push(b'}');
            }
        }
    };
}
pub(crate) use write_json;

impl<T: WriteJson> WriteJson for Option<T> {
    fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            None => out.extend_from_slice(b"null"),
            Some(value) => value.write_json(out),
        }
    }
}

impl<T: WriteJson> WriteJson for Vec<T> {
    fn write_json(&self, out: &mut Vec<u8>) {
        for (place, value) in self.iter().enumerate() {
            out.push(if place == 0 { b'[' } else { b',' });
            value.write_json(out);
        }
        out.extend_from_slice(if self.is_empty() { b"[]" } else { b"]" });
    }
}

impl WriteJson for bool {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

macro_rules! integers {
    ($($type:ty),+) => {$(
        impl WriteJson for $type {
            fn write_json(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(itoa::Buffer::new().format(*self).as_bytes());
            }
        }
    )+};
}
integers!(u32, u64);

impl WriteJson for &str {
    fn write_json(&self, out: &mut Vec<u8>) {
        if needs_escape(self.as_bytes()) {
            // Text always has a JSON form, and writing to memory can't fail.
            _ = serde_json::to_writer(out, self);
        } else {
            write_plain(out, self.as_bytes());
        }
    }
}

impl WriteJson for String {
    fn write_json(&self, out: &mut Vec<u8>) {
        self.as_str().write_json(out);
    }
}

macro_rules! plain {
    ($($type:ty),+; $value:ident => $bytes:expr) => {$(
        impl WriteJson for $type {
            fn write_json(&self, out: &mut Vec<u8>) {
                let $value = self;
                write_plain(out, $bytes);
            }
        }
    )+};
}
plain!(KeyId, OrganizationId, UserId, WorkspaceId; id => &id.characters());
plain!(PersonStatus, Scope, SubscriptionStatus; name => name.as_str().as_bytes());

impl WriteJson for Timestamp {
    fn write_json(&self, out: &mut Vec<u8>) {
        match self.characters() {
            Some(text) => write_plain(out, &text),
            // Writing to memory can't fail.
            None => drop(write!(out, "\"{self}\"")),
        }
    }
}

impl WriteJson for RoleName {
    fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::BuiltIn(role) => write_plain(out, role.as_str().as_bytes()),
            Self::Custom(id) => write_plain(out, &id.characters()),
        }
    }
}

impl WriteJson for &KeyPermissions {
    fn write_json(&self, out: &mut Vec<u8>) {
        KeyPermissions::write_json(self, out);
    }
}

impl<T: WriteJson> WriteJson for Page<T> {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"data\":");
        self.data.write_json(out);
        out.extend_from_slice(b",\"nextCursor\":");
        self.next_cursor.write_json(out);
        out.push(b'}');
    }
}

/// Whether JSON escapes any of these: a control character, `"` or `\`.
fn needs_escape(text: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    // Marks the high bit of each byte below `limit`, for bytes whose own high bit is clear (Hacker's Delight, 6-1). A
    // borrow from such a byte may mark the next byte too, which does not change whether any is marked.
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

/// Fails unless a value is written as serde_json writes it.
#[cfg(test)]
pub(crate) fn assert_same(value: &impl WriteJson, by_serde: &impl serde::Serialize) {
    let mut written = Vec::new();
    value.write_json(&mut written);
    assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(by_serde).unwrap());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::RoleId;
    use crate::base::policy::{PermissionCatalog, WorkspaceRole};
    use serde::Serialize;

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer<'t> {
        first_text: &'t str,
        maybe: Option<&'t str>,
        nothing: Option<u32>,
        number: u64,
        numbers: Vec<u32>,
        none: Vec<u32>,
        is_so: bool,
        moment: Timestamp,
        within: Within<'t>,
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

    write_json!(Answer<'_> {
        "kind" = "of_this_kind";
        "firstText": first_text,
        "maybe": maybe,
        "nothing": nothing,
        "number": number,
        "numbers": numbers,
        "none": none,
        "isSo": is_so,
        "moment": moment,
        "within": within,
    });
    write_json!(Within<'_> { "text": text });

    impl WriteJson for Tagged<'_> {
        fn write_json(&self, out: &mut Vec<u8>) {
            let Self::OfThisKind(answer) = self;
            answer.write_json(out);
        }
    }

    fn answer(text: &str) -> Tagged<'_> {
        Tagged::OfThisKind(Answer {
            first_text: text,
            maybe: Some(text),
            nothing: None,
            number: u64::MAX,
            numbers: vec![1, 2],
            none: vec![],
            is_so: true,
            moment: Timestamp::EPOCH,
            within: Within { text },
        })
    }

    #[test]
    fn the_list_on_the_wire_is_that_of_the_catalogue() {
        let catalog = PermissionCatalog::compile([]).unwrap();
        for role in [WorkspaceRole::Viewer, WorkspaceRole::Editor, WorkspaceRole::Admin] {
            for scope in [Scope::Full, Scope::ReadOnly] {
                let permissions = catalog.of_key(catalog.built_in(role), scope);
                assert_same(&&*permissions, &permissions.names().collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_role_is_written_as_serde_would_write_it() {
        for role in [RoleName::BuiltIn(WorkspaceRole::Editor), RoleName::Custom(RoleId::new())] {
            assert_same(&role, &role);
        }
    }

    #[test]
    fn a_moment_out_of_the_usual_years_is_written_as_serde_json_does() {
        for day in [-95_000_000, -800_000, 0, 20_512, 2_932_896, 90_000_000] {
            let moment = Timestamp::from_millis(day * 86_400_000 + 7_654_321).unwrap();
            assert_same(&moment, &moment);
        }
    }

    #[test]
    fn every_character_at_every_place_is_written_as_serde_json_does() {
        let others = ['\u{7f}', '\u{80}', 'é', '\u{2028}', '\u{feff}', '\u{ffff}', '😀'];
        for character in (0..0x80).map(char::from).chain(others) {
            for before in 0..18 {
                for after in [0, 1, 7, 8, 9] {
                    let text = format!("{}{character}{}", "a".repeat(before), "é".repeat(after));
                    assert_same(&text.as_str(), &text);
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
            let answer = answer(text);
            assert_same(&answer, &answer);
            let mut written = Vec::new();
            answer.write_json(&mut written);
            let value: serde_json::Value = serde_json::from_slice(&written).unwrap();
            assert_eq!((&value["firstText"], value["kind"].as_str()), (&text.into(), Some("of_this_kind")));
        }
    }
}
