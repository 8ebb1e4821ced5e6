//! Tables and lists for people. Control characters are escaped, so that stored text can't move the terminal's cursor.

use super::plain_text::plain;
use crate::client::failure::Failure;
use indexmap::IndexMap;
use serde_json::Value;
use std::io::{ErrorKind, Write};

/// A JSON object with its fields in the server's order.
type Fields = IndexMap<String, Value>;

/// Prints an answer. A closed pipe, as after `head`, is no failure.
///
/// # Errors
/// `Here`, as for a full disk.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::Here(format!("standard output: {error}"))),
        _ => Ok(()),
    }
}

/// Formats one object: a line for each field.
///
/// # Errors
/// `NoAnswer` for anything but a JSON object.
pub fn record(body: &str) -> Result<String, Failure> {
    let fields: Fields = parse(body)?;
    let rows: Vec<Vec<String>> = fields.iter().map(|(name, value)| vec![plain(name), cell(value)]).collect();
    Ok(aligned(&rows))
}

/// Formats many objects: a line for each, under the names of all fields that occur.
///
/// # Errors
/// `NoAnswer` for anything but a JSON object.
pub fn table(records: &[&str]) -> Result<String, Failure> {
    let records: Vec<Fields> = records.iter().map(|record| parse(record)).collect::<Result<_, _>>()?;
    let mut columns: IndexMap<&str, ()> = IndexMap::new();
    columns.extend(records.iter().flat_map(|record| record.keys().map(|name| (name.as_str(), ()))));
    let heading = columns.keys().map(|name| plain(name)).collect();
    let row = |record: &Fields| columns.keys().map(|name| cell(record.get(*name).unwrap_or(&Value::Null))).collect();
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(records.iter().map(row)).collect();
    Ok(aligned(&rows))
}

/// Parses an answer, or a part of one.
///
/// # Errors
/// `NoAnswer`: the answer is not Keyward's.
pub fn parse<'t, T: serde::Deserialize<'t>>(body: &'t str) -> Result<T, Failure> {
    serde_json::from_str(body).map_err(|error| {
        Failure::NoAnswer(format!("the answer is not the JSON that Keyward sends: {error}. Is the URL right?"))
    })
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => plain(text),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).map(plain).collect::<Vec<_>>().join(", ")
        }
        other => plain(&other.to_string()),
    }
}

/// Makes each column as wide as its widest cell, except the last column.
fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row.get(column).map_or(0, |cell| cell.chars().count())).max();
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_the_servers_order_and_all_fields_of_all_rows() {
        let records = [r#"{"id":"a","name":"Ada","roles":["x","y"]}"#, r#"{"id":"bcd","name":null,"n":{"m":1}}"#];
        assert_eq!(table(&records).unwrap(), "id   name  roles  n\na    Ada   x, y   -\nbcd  -     -      {\"m\":1}");
    }

    #[test]
    fn a_record_is_a_line_for_each_field() {
        assert_eq!(record(r#"{"kind":"api_key","n":1}"#).unwrap(), "kind  api_key\nn     1");
        assert!(matches!(record("<html>"), Err(Failure::NoAnswer(_))));
    }

    #[test]
    fn stored_text_can_not_steer_the_terminal() {
        assert_eq!(record(r#"{"a\u001b":"\u001b]0;x\u0007\n\u009b"}"#).unwrap(), r"a\u{1b}  \u{1b}]0;x\u{7}\n\u{9b}");
    }
}
