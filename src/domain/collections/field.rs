//! [`Field`]: a field for filters and orders of lists, and its SQL for both databases.
//!
//! A field's **key** is the expression of its index: text cut to [`KEY_LENGTH`] characters (PostgreSQL limits the size
//! of an index entry), numbers and booleans as doubles. A document without the field has a key below all others. Under
//! row-level security, PostgreSQL uses an index only if the functions in its expression are leakproof. The key has only
//! functions that the database's superuser can declare so (`docs/operations/postgresql.md`); `coalesce` would not do.
//! The names of fields are letters, digits, `_` and `-`, so they are in the SQL as they are. Values are always bound.

use super::schema::DocumentSchema;
use crate::base::sql::MultiBackend;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Double, Text};
use serde_json::Value;
use std::fmt::Write;

/// The most characters of a text in an index.
pub const KEY_LENGTH: usize = 200;

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

/// A value to compare a field with.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    Text(String),
    /// A number, or a boolean as 0 or 1.
    Number(f64),
}

/// The database that an expression is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Postgres,
    Sqlite,
}

/// A condition, for `filter` of a boxed query.
pub type Condition =
    Box<dyn BoxableExpression<crate::base::sql::schema::documents::table, MultiBackend, SqlType = Bool>>;

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
                // As JSON, because Rust's own parser also takes "inf" and "+5".
                let is_number = !text.contains(|c: char| c.is_ascii_whitespace());
                let parsed = is_number.then(|| serde_json::from_str::<Value>(text).ok()).flatten();
                let number = parsed.and_then(|value| value.as_f64());
                number.map(FieldValue::Number).ok_or_else(|| "must be a number".into())
            }
            Kind::Boolean => match text {
                "true" => Ok(FieldValue::Number(1.0)),
                "false" => Ok(FieldValue::Number(0.0)),
                _ => Err("must be true or false".into()),
            },
        }
    }

    /// The SQL of the field's value in the document.
    fn value(&self, dialect: Dialect) -> String {
        match dialect {
            Dialect::Postgres => format!("(body #>> '{{{}}}')", self.name.replace('.', ",")),
            Dialect::Sqlite => format!("json_extract(body, {})", self.sqlite_path()),
        }
    }

    fn sqlite_path(&self) -> String {
        self.name.split('.').fold("'$".to_owned(), |mut path, step| {
            // Writing to a String can't fail.
            _ = write!(path, ".\"{step}\"");
            path
        }) + "'"
    }

    /// The SQL of the field's key. Its value is never NULL.
    pub fn key(&self, dialect: Dialect) -> String {
        let value = self.value(dialect);
        let holds = |postgres: &str, sqlite: &str| match dialect {
            Dialect::Postgres => {
                format!("jsonb_typeof(body #> '{{{}}}') = '{postgres}'", self.name.replace('.', ","))
            }
            Dialect::Sqlite => format!("json_type(body, {}) IN ({sqlite})", self.sqlite_path()),
        };
        match (self.kind, dialect) {
            (Kind::Text, _) => {
                let collation = if dialect == Dialect::Postgres { " COLLATE \"C\"" } else { "" };
                let is_text = holds("string", "'text'");
                format!("(CASE WHEN {is_text} THEN substr({value}, 1, {KEY_LENGTH}) ELSE '' END){collation}")
            }
            (Kind::Number, Dialect::Postgres) => {
                format!("CASE WHEN {} THEN {value}::float8 ELSE '-Infinity'::float8 END", holds("number", ""))
            }
            (Kind::Boolean, Dialect::Postgres) => {
                let is_boolean = holds("boolean", "");
                format!(
                    "CASE WHEN {is_boolean} THEN CASE {value} WHEN 'true' THEN 1::float8 ELSE 0::float8 END \
                     ELSE '-Infinity'::float8 END"
                )
            }
            (Kind::Number, Dialect::Sqlite) => {
                let is_number = holds("", "'integer', 'real'");
                format!("coalesce(CASE WHEN {is_number} THEN CAST({value} AS REAL) END, -9e999)")
            }
            (Kind::Boolean, Dialect::Sqlite) => {
                let is_boolean = holds("", "'true', 'false'");
                format!("coalesce(CASE WHEN {is_boolean} THEN CAST({value} AS REAL) END, -9e999)")
            }
        }
    }

    /// The condition that the field has this value. The index finds the key. For text, the whole value is compared too:
    /// long texts may have the same key, and so may an empty text and a missing field.
    pub fn equals(&self, dialect: Dialect, value: FieldValue) -> Condition {
        let key = self.key(dialect);
        match value {
            FieldValue::Text(text) => {
                let start: String = text.chars().take(KEY_LENGTH).collect();
                let whole = self.value(dialect);
                Box::new(
                    bool_sql(&format!("({key}) = "))
                        .bind::<Text, _>(start)
                        .sql(&format!(" AND {whole} = "))
                        .bind::<Text, _>(text),
                )
            }
            FieldValue::Number(number) => Box::new(bool_sql(&format!("({key}) = ")).bind::<Double, _>(number)),
        }
    }

    /// The condition that a document comes after a position in the order of this field.
    pub fn is_beyond(&self, dialect: Dialect, descending: bool, value: FieldValue, id: String) -> Condition {
        let start = bool_sql(&format!("(({}), id) {} (", self.key(dialect), if descending { "<" } else { ">" }));
        match value {
            FieldValue::Text(text) => Box::new(start.bind::<Text, _>(text).sql(", ").bind::<Text, _>(id).sql(")")),
            FieldValue::Number(number) => {
                Box::new(start.bind::<Double, _>(number).sql(", ").bind::<Text, _>(id).sql(")"))
            }
        }
    }

    /// Computes a document's key: the same value as the SQL of [`Field::key`].
    pub fn key_of(&self, document: &serde_json::Map<String, Value>) -> FieldValue {
        let pointer = self.name.split('.').fold(String::new(), |path, step| path + "/" + step);
        let (first, rest) = pointer[1..].split_once('/').unwrap_or((&pointer[1..], ""));
        let rest = if rest.is_empty() { String::new() } else { format!("/{rest}") };
        let found = document.get(first).and_then(|value| value.pointer(&rest));
        match self.kind {
            Kind::Text => {
                let text = found.and_then(Value::as_str).unwrap_or_default();
                FieldValue::Text(text.chars().take(KEY_LENGTH).collect())
            }
            Kind::Number => FieldValue::Number(found.and_then(Value::as_f64).unwrap_or(f64::NEG_INFINITY)),
            Kind::Boolean => {
                let truth = found.and_then(Value::as_bool).map(|truth| f64::from(u8::from(truth)));
                FieldValue::Number(truth.unwrap_or(f64::NEG_INFINITY))
            }
        }
    }
}

fn bool_sql(text: &str) -> SqlLiteral<Bool> {
    diesel::dsl::sql::<Bool>(text)
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
