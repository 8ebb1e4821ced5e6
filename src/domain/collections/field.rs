//! [`Field`]: a field for filters and orders of lists. [`key`](super::key) has its SQL.

use super::key::FieldValue;
use super::schema::DocumentSchema;
use crate::base::json_number::JsonNumber;
use serde_json::Value;

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// Integers and other numbers.
    Number,
    Boolean,
}

/// A field that a list can be filtered or sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// As in the configuration and in queries: `content.mediaType`.
    pub name: String,
    pub kind: Kind,
}

impl Field {
    /// Makes the field of a name, with the type that the schema declares.
    ///
    /// # Errors
    /// A text for the operator: the name is malformed, or the schema declares no single type for it.
    pub fn of(schema: &DocumentSchema, name: &str) -> Result<Self, String> {
        let steps: Vec<&str> = name.split('.').collect();
        let is_plain = |step: &&str| {
            !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        if !steps.iter().all(is_plain) || ["pageSize", "cursor", "sort"].contains(&name) {
            return Err(format!(
                "{name:?} must be letters, digits, _ and -, with a dot between steps, and no other parameter"
            ));
        }
        let kind = schema.of_field(&steps).and_then(kind_of);
        let kind = kind.ok_or_else(|| {
            format!(
                "{name:?} must be a field that the schema declares with one type: string, number, integer or boolean"
            )
        })?;
        Ok(Self { name: name.to_owned(), kind })
    }

    /// Parses a value of this field from a query string.
    ///
    /// # Errors
    /// The rule that the value breaks, such as "must be a number".
    pub fn parse(&self, text: &str) -> Result<FieldValue, String> {
        match self.kind {
            Kind::Text if text.contains('\0') => Err("must not contain U+0000".into()),
            Kind::Text => Ok(FieldValue::Text(text.to_owned())),
            Kind::Number => {
                let number = JsonNumber::parse(text).ok_or("must be a number")?;
                number.map(|number| FieldValue::Number(Some(number))).map_err(Into::into)
            }
            Kind::Boolean => match text {
                "true" => Ok(FieldValue::Boolean(Some(true))),
                "false" => Ok(FieldValue::Boolean(Some(false))),
                _ => Err("must be true or false".into()),
            },
        }
    }

    /// Returns the field's value in a document.
    pub fn value_in<'d>(&self, document: &'d serde_json::Map<String, Value>) -> Option<&'d Value> {
        let (first, rest) = self.name.split_once('.').unwrap_or((&self.name, ""));
        rest.split('.').filter(|step| !step.is_empty()).try_fold(document.get(first)?, |value, step| value.get(step))
    }
}

/// Returns the one kind that a schema declares. Null may be allowed besides.
fn kind_of(schema: &Value) -> Option<Kind> {
    let one = |name: &str| match name {
        "string" => Some(Kind::Text),
        "number" | "integer" => Some(Kind::Number),
        "boolean" => Some(Kind::Boolean),
        _ => None,
    };
    match schema.get("type")? {
        Value::String(name) => one(name),
        Value::Array(names) => {
            let mut kinds = names.iter().filter_map(Value::as_str).filter(|name| *name != "null").map(one);
            let first = kinds.next()??;
            kinds.all(|kind| kind == Some(first)).then_some(first)
        }
        _ => None,
    }
}
