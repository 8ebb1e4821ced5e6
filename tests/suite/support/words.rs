//! Words of parsers and of the framework, which no answer should have.

/// Parts of messages of serde, serde_json, serde_urlencoded, toml, actix and their like, in lower case.
const FRAMEWORK: [&str; 36] = [
    "eof while",
    "expected value",
    "expected ident",
    "expected `",
    ", expected",
    "trailing characters",
    "trailing comma",
    "invalid type",
    "invalid value",
    "invalid length",
    "unknown field",
    "unknown variant",
    "missing field",
    "duplicate field",
    "untagged",
    "deserialize",
    "a sequence",
    "a map",
    "struct ",
    "newtype",
    "tuple",
    "variant",
    "borrowed",
    " i8",
    " i32",
    " i64",
    " u8",
    " u16",
    " u32",
    " u64",
    " usize",
    " f64",
    "surrogate",
    "recursion limit",
    "payload",
    "allowed to make this request",
];

/// Returns the first of them that a message has.
pub fn of_a_framework(message: &str) -> Option<&'static str> {
    let message = message.to_lowercase();
    FRAMEWORK.into_iter().find(|word| message.contains(word))
}
