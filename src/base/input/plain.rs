//! Plain words for what parsers say: errors of serde and of the formats under it are written for programmers in Rust.
//!
//! [`plain`] translates what is wrong with a value, and [`not_json`] what is wrong with a text. None of them repeats a
//! value, which may be a secret.

use serde_json::error::Category;

/// The names of compound values: those of JSON, or those of a configuration file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    pub(crate) object: &'static str,
    pub(crate) array: &'static str,
    pub(crate) text: &'static str,
}

/// The names in JSON.
const JSON: Names = Names { object: "an object", array: "an array", text: "a string" };

/// Translates the message about a JSON value or a parameter. A message of a type of Keyward's own stays as it is.
pub(crate) fn plain(reason: &str) -> String {
    let after = |start: &str| reason.strip_prefix(start);
    if let Some((found, wanted)) = after("invalid type: ").and_then(|rest| rest.rsplit_once(", expected ")) {
        return format!("must be {}, not {}", must_be(wanted, JSON), name_of(found));
    }
    if let Some((_, wanted)) = after("invalid value: ").and_then(|rest| rest.rsplit_once(", expected ")) {
        return format!("must be {}", must_be(wanted, JSON));
    }
    if let Some((length, wanted)) = after("invalid length ").and_then(|rest| rest.split_once(", expected ")) {
        return format!("must be {}; it has {length}", must_be(wanted, JSON));
    }
    if let Some(rest) = after("unknown field ") {
        let (name, known) = quoted(rest);
        return match known.is_empty() {
            true => format!("`{name}` is not a known field; there are no fields"),
            false => format!("`{name}` is not a known field; known fields are {}", known.join(", ")),
        };
    }
    if let Some(rest) = after("unknown variant ") {
        let (_, known) = quoted(rest);
        return format!("must be one of: {}", known.join(", "));
    }
    if let Some(name) = after("missing field ") {
        return format!("must have the field {name}");
    }
    if let Some(name) = after("duplicate field ") {
        return format!("has the field {name} twice");
    }
    let is_number = ["invalid digit found in string", "cannot parse integer from empty string", "number too"];
    if is_number.iter().any(|start| reason.starts_with(start)) {
        return "must be an integer in the range that is documented".to_owned();
    }
    match reason {
        "provided string was not `true` or `false`" => "must be true or false".to_owned(),
        _ if reason.starts_with("data did not match any variant") => {
            "has none of the forms that are documented".to_owned()
        }
        _ => reason.to_owned(),
    }
}

/// Returns the first of the names in backquotes, and the others.
fn quoted(text: &str) -> (&str, Vec<&str>) {
    let (name, known) = text.split_once("`, ").unwrap_or((text, ""));
    (name.trim_matches('`'), known.split('`').skip(1).step_by(2).collect())
}

/// Returns the name of an unknown field, if the message is about one.
pub(crate) fn unknown_field(reason: &str) -> Option<&str> {
    reason.strip_prefix("unknown field ").map(|rest| quoted(rest).0)
}

/// Translates what a parser expected.
pub(crate) fn must_be(wanted: &str, names: Names) -> String {
    let wanted = wanted.trim_matches('`');
    let most = |most: u64| format!("an integer from 0 to {most}");
    let starts = |all: &[&str]| all.iter().any(|start| wanted.starts_with(start));
    match wanted {
        "u8" => most(u8::MAX.into()),
        "u16" => most(u16::MAX.into()),
        "u32" => most(u32::MAX.into()),
        "u64" | "u128" | "usize" => "an integer of at least 0".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "an integer".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" | "bool" | "boolean" => "true or false".to_owned(),
        "string" | "str" | "a string" | "a borrowed string" | "a formatted string" | "string or map" => {
            names.text.to_owned()
        }
        "unit" | "null" => "null".to_owned(),
        _ if starts(&["struct ", "map", "a map", "an object"]) => names.object.to_owned(),
        _ if starts(&["sequence", "a sequence", "tuple", "a tuple", "an array"]) => names.array.to_owned(),
        _ if starts(&["enum ", "variant", "field identifier"]) => "one of the documented values".to_owned(),
        _ => wanted.to_owned(),
    }
}

/// Translates what a parser found. The value itself is left out.
fn name_of(found: &str) -> &'static str {
    match found.split([' ', '`']).next().unwrap_or_default() {
        "string" | "character" | "str" => JSON.text,
        "integer" => "a number",
        "floating" => "a fraction",
        "boolean" => "true or false",
        "null" | "unit" | "Option" => "null",
        "sequence" => JSON.array,
        "map" => JSON.object,
        _ => "another value",
    }
}

/// Says why a text is not JSON, with the place.
pub(crate) fn not_json(bytes: &[u8], error: &serde_json::Error) -> String {
    if bytes.trim_ascii().is_empty() {
        return "The body is empty; it must be JSON.".to_owned();
    }
    if error.classify() == Category::Eof {
        return "The body ends before the JSON does.".to_owned();
    }
    let place = format!("line {}, column {}", error.line(), error.column());
    let text = error.to_string();
    let is = |start: &str| text.starts_with(start);
    let what = if is("trailing characters") {
        format!("{place} is after its end")
    } else if is("trailing comma") {
        format!("the comma before {place} has nothing after it")
    } else if is("recursion limit") {
        "it is nested too deeply".to_owned()
    } else if is("number out of range") {
        format!("the number at {place} is too large")
    } else if is("control character") {
        format!("{place} has a control character in a string; write an escape such as \\n")
    } else if ["invalid escape", "lone leading", "unexpected end of hex", "invalid unicode"]
        .iter()
        .any(|start| is(start))
    {
        format!("the escape in a string at {place} stands for no character")
    } else {
        format!("{place} is wrong")
    };
    format!("The body is not JSON: {what}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        One,
        Two,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Asked {
        name: String,
        size: Option<u8>,
        count: Option<i64>,
        kind: Option<Kind>,
        all: Option<Vec<bool>>,
    }

    #[test]
    fn every_message_of_the_parser_is_translated() {
        let rows = [
            (r#"{"name":5}"#, "must be a string, not a number"),
            (r#"{"name":null}"#, "must be a string, not null"),
            (r#"{"name":"a","size":300}"#, "must be an integer from 0 to 255"),
            (r#"{"name":"a","size":"secret"}"#, "must be an integer from 0 to 255, not a string"),
            (r#"{"name":"a","count":1.5}"#, "must be an integer, not a fraction"),
            (r#"{"name":"a","kind":"three"}"#, "must be one of: one, two"),
            (r#"{"name":"a","all":{}}"#, "must be an array, not an object"),
            (r#"{"name":"a","all":[1]}"#, "must be true or false, not a number"),
            (r#"{"size":1}"#, "must have the field `name`"),
            (r#"{"name":"a","name":"b"}"#, "has the field `name` twice"),
            (r#"{"nam":"a"}"#, "`nam` is not a known field; known fields are name, size, count, kind, all"),
        ];
        for (text, words) in rows {
            let error = serde_json::from_str::<Asked>(text).unwrap_err().to_string();
            let reason = error.rsplit_once(" at line ").map_or(error.as_str(), |(reason, _)| reason);
            assert_eq!(plain(reason), words, "{text}");
        }
        assert_eq!(plain("must be in the future"), "must be in the future");
        assert_eq!(plain("unknown field `a`, there are no fields"), "`a` is not a known field; there are no fields");
    }
}
