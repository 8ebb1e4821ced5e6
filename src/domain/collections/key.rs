//! The **key** of a [`Field`]: the expression of its index, and its SQL for both databases.
//!
//! | kind | PostgreSQL | SQLite |
//! |---|---|---|
//! | text | the first [`KEY_LENGTH`] characters, since PostgreSQL limits the size of an index entry | the same |
//! | number | `numeric`, which is exact | an integer or a double, exact too; from 2^63 a [text](sortable) |
//! | boolean | a double | a double |
//!
//! A document without the field has a key below all others. Under row-level security, PostgreSQL uses an index only if
//! the functions in its expression are leakproof. The key has only functions that the database's superuser can declare
//! so (`docs/operations/postgresql.md`); `coalesce` would not do. The names of fields are letters, digits, `_` and `-`,
//! so they are in the SQL as they are. Values are always bound.

use super::field::{Field, Kind};
use crate::base::json_number::JsonNumber;
use crate::base::sql::MultiBackend;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use serde_json::Value;
use std::fmt::Write;

/// The most characters of a text in an index.
pub const KEY_LENGTH: usize = 200;
/// 2^63: SQLite's integers end below it.
const SQLITE_INTEGERS_END: f64 = 9_223_372_036_854_775_808.0;
/// What stands for a missing number or boolean in SQL.
const LEAST: &str = "-Infinity";

/// A value to compare a field with.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// Empty if the document has no text there.
    Text(String),
    /// `None` if the document has no number there.
    Number(Option<JsonNumber>),
    /// `None` if the document has no boolean there.
    Boolean(Option<bool>),
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

/// A bound text, and the SQL around it that makes it comparable with a key.
struct Operand {
    before: &'static str,
    bound: String,
    after: &'static str,
}

impl FieldValue {
    /// Returns whether it is a value of a field of this kind.
    pub fn fits(&self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Self::Text(_), Kind::Text) | (Self::Number(_), Kind::Number) | (Self::Boolean(_), Kind::Boolean)
        )
    }

    fn operand(self, dialect: Dialect) -> Operand {
        let operand = |before, bound, after| Operand { before, bound, after };
        // SQLite converts the text of a number in the same way as that of a document.
        let json_of_sqlite =
            |number: Option<String>| operand("json_extract(", number.unwrap_or_else(|| "-9e999".to_owned()), ", '$')");
        let text_of_postgres = |number: Option<String>| number.unwrap_or_else(|| LEAST.to_owned());
        match (self, dialect) {
            (Self::Text(text), _) => operand("", text.chars().take(KEY_LENGTH).collect(), ""),
            (Self::Number(number), Dialect::Postgres) => {
                operand("(", text_of_postgres(number.map(|number| number.to_string())), ")::numeric")
            }
            (Self::Number(number), Dialect::Sqlite) => match number.and_then(sortable) {
                Some(text) => operand("", text, ""),
                None => json_of_sqlite(number.map(|number| number.to_string())),
            },
            (Self::Boolean(truth), _) => {
                let number = truth.map(|truth| u8::from(truth).to_string());
                match dialect {
                    Dialect::Postgres => operand("(", text_of_postgres(number), ")::float8"),
                    Dialect::Sqlite => json_of_sqlite(number),
                }
            }
        }
    }
}

/// Returns the key of a number from 2^63 in SQLite, which has no exact number for it and sorts texts above all numbers:
/// 20 digits, or from 2^64 `~`, the exponent and the mantissa.
fn sortable(number: JsonNumber) -> Option<String> {
    match number {
        JsonNumber::Unsigned(integer) => Some(format!("{integer:020}")),
        JsonNumber::Real(double) if double >= SQLITE_INTEGERS_END => {
            let text = number.to_string();
            let (mantissa, exponent) = text.split_once('e')?;
            Some(format!("~{:0>3}{mantissa}", exponent.trim_start_matches('+')))
        }
        _ => None,
    }
}

impl Field {
    /// The SQL of the field's value in the document.
    fn value(&self, dialect: Dialect) -> String {
        match dialect {
            Dialect::Postgres => format!("(body #>> {})", self.postgres_path()),
            Dialect::Sqlite => format!("json_extract(body, {})", self.sqlite_path()),
        }
    }

    fn postgres_path(&self) -> String {
        format!("'{{{}}}'", self.name.replace('.', ","))
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
        let is_json = |postgres: &str, sqlite: &str| match dialect {
            Dialect::Postgres => format!("jsonb_typeof(body #> {}) = '{postgres}'", self.postgres_path()),
            Dialect::Sqlite => format!("json_type(body, {}) IN ({sqlite})", self.sqlite_path()),
        };
        match (self.kind, dialect) {
            (Kind::Text, _) => {
                let collation = if dialect == Dialect::Postgres { " COLLATE \"C\"" } else { "" };
                let is_text = is_json("string", "'text'");
                format!("(CASE WHEN {is_text} THEN substr({value}, 1, {KEY_LENGTH}) ELSE '' END){collation}")
            }
            (Kind::Number, Dialect::Postgres) => {
                let (is_number, path) = (is_json("number", ""), self.postgres_path());
                format!("CASE WHEN {is_number} THEN (body #> {path})::numeric ELSE '{LEAST}'::numeric END")
            }
            (Kind::Number, Dialect::Sqlite) => self.sqlite_number_key(),
            (Kind::Boolean, Dialect::Postgres) => {
                let is_boolean = is_json("boolean", "");
                format!(
                    "CASE WHEN {is_boolean} THEN CASE {value} WHEN 'true' THEN 1::float8 ELSE 0::float8 END \
                     ELSE '{LEAST}'::float8 END"
                )
            }
            (Kind::Boolean, Dialect::Sqlite) => {
                let is_boolean = is_json("", "'true', 'false'");
                format!("coalesce(CASE WHEN {is_boolean} THEN CAST({value} AS REAL) END, -9e999)")
            }
        }
    }

    /// The same as [`sortable`], or the number itself.
    fn sqlite_number_key(&self) -> String {
        let (path, value) = (self.sqlite_path(), self.value(Dialect::Sqlite));
        let (json_type, json) = (format!("json_type(body, {path})"), format!("(body -> {path})"));
        format!(
            "CASE WHEN {json_type} NOT IN ('integer', 'real') OR {json_type} IS NULL THEN -9e999 \
             WHEN {value} < {SQLITE_INTEGERS_END:e} THEN {value} \
             WHEN {json_type} = 'integer' THEN substr('0' || {json}, -20) \
             ELSE '~' || printf('%03d', substr({json}, instr({json}, 'e') + 1)) || \
             substr({json}, 1, instr({json}, 'e') - 1) END"
        )
    }

    /// The condition that the field has this value. The index finds the key. For text, the whole value is compared too:
    /// long texts may have the same key, and so may an empty text and a missing field.
    pub fn equals(&self, dialect: Dialect, value: FieldValue) -> Condition {
        let whole = match &value {
            FieldValue::Text(text) => Some(text.clone()),
            _ => None,
        };
        let Operand { before, bound, after } = value.operand(dialect);
        let of_key = bool_sql(&format!("({}) = {before}", self.key(dialect))).bind::<Text, _>(bound);
        match whole {
            Some(text) => {
                let value = self.value(dialect);
                Box::new(of_key.sql(&format!("{after} AND {value} = ")).bind::<Text, _>(text))
            }
            None => Box::new(of_key.sql(after)),
        }
    }

    /// The condition that a document comes after a position in the order of this field.
    pub fn is_beyond(&self, dialect: Dialect, descending: bool, value: FieldValue, id: String) -> Condition {
        let Operand { before, bound, after } = value.operand(dialect);
        let comparison = if descending { "<" } else { ">" };
        let start = bool_sql(&format!("(({}), id) {comparison} ({before}", self.key(dialect)));
        Box::new(start.bind::<Text, _>(bound).sql(&format!("{after}, ")).bind::<Text, _>(id).sql(")"))
    }

    /// Returns a document's key.
    pub fn key_of(&self, document: &serde_json::Map<String, Value>) -> FieldValue {
        let found = self.value_in(document);
        match self.kind {
            Kind::Text => {
                let text = found.and_then(Value::as_str).unwrap_or_default();
                FieldValue::Text(text.chars().take(KEY_LENGTH).collect())
            }
            Kind::Number => FieldValue::Number(found.and_then(Value::as_number).map(JsonNumber::of)),
            Kind::Boolean => FieldValue::Boolean(found.and_then(Value::as_bool)),
        }
    }
}

fn bool_sql(text: &str) -> SqlLiteral<Bool> {
    diesel::dsl::sql::<Bool>(text)
}
