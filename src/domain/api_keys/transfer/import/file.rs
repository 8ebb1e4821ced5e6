//! Reads files of keys: JSON Lines and CSV.

use super::fields::{Field, RawRow, unknown_fields};
use crate::domain::api_keys::import::fields::LineFault;
use crate::domain::api_keys::transfer::csv::original;
use std::io::{self, BufRead};
use std::path::Path;

/// The maximum length of a line of JSON, in bytes.
const MAX_LINE_LENGTH: usize = 65_536;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FileFormat {
    /// JSON Lines: an object a line.
    Jsonl,
    /// CSV, whose first line names the columns.
    Csv,
}

impl FileFormat {
    /// Returns the format by the file name's extension.
    pub fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// Reads the rows of a file, one by one.
    ///
    /// # Errors
    /// I/O errors; a first line of CSV that does not name the columns.
    pub fn read<'r>(self, reader: impl BufRead + 'r) -> io::Result<Box<dyn Iterator<Item = io::Result<Line>> + 'r>> {
        Ok(match self {
            Self::Jsonl => Box::new(JsonLines { reader, number: 0, line: Vec::new() }),
            Self::Csv => Box::new(CsvLines::new(reader)?),
        })
    }
}

/// A parsed line of the file.
#[derive(Debug)]
pub struct Line {
    /// Counted from 1.
    pub number: u64,
    pub row: Result<RawRow, LineFault>,
}

struct JsonLines<R> {
    reader: R,
    number: u64,
    line: Vec<u8>,
}

impl<R: BufRead> JsonLines<R> {
    /// Reads the next line into `self.line`, truncated if it is too long. Returns false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        self.line.clear();
        let mut has_any = false;
        loop {
            let available = self.reader.fill_buf()?;
            if available.is_empty() {
                self.number += u64::from(has_any);
                return Ok(has_any);
            }
            has_any = true;
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = &available[..end.unwrap_or(available.len())];
            let room = (MAX_LINE_LENGTH + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let used = end.map_or(available.len(), |end| end + 1);
            self.reader.consume(used);
            if end.is_some() {
                self.number += 1;
                return Ok(true);
            }
        }
    }
}

impl<R: BufRead> Iterator for JsonLines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.advance() {
                Err(error) => return Some(Err(error)),
                Ok(false) => return None,
                Ok(true) => {}
            }
            let text = match self.number {
                1 => self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line),
                _ => &self.line,
            };
            if text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            return Some(Ok(Line { number: self.number, row: of_json(text) }));
        }
    }
}

fn of_json(text: &[u8]) -> Result<RawRow, LineFault> {
    if text.len() > MAX_LINE_LENGTH {
        return Err(LineFault::of_row(format!("is longer than {MAX_LINE_LENGTH} bytes")));
    }
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(text).map_err(|error| {
        // Only the position: serde's messages can repeat the data.
        LineFault::of_row(format!("is not a JSON object (column {})", error.column()))
    })?;
    RawRow::of_object(object)
}

struct CsvLines<R> {
    reader: csv::Reader<R>,
    columns: Vec<Field>,
    record: csv::StringRecord,
}

impl<R: BufRead> CsvLines<R> {
    fn new(reader: R) -> io::Result<Self> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(reader);
        let bad = |message: String| io::Error::new(io::ErrorKind::InvalidData, message);
        let header = reader.headers().map_err(|_| bad("the first line must name the columns".to_owned()))?;
        let mut columns = Vec::new();
        for (place, name) in header.iter().enumerate() {
            // Doesn't repeat the name: in a file without a header it is a field of a key.
            let field = Field::of_name(name);
            let field =
                field.ok_or_else(|| bad(format!("the first line: column {} {}", place + 1, unknown_fields())))?;
            if columns.contains(&field) {
                return Err(bad(format!("the first line names {} twice", field.name())));
            }
            columns.push(field);
        }
        Ok(Self { reader, columns, record: csv::StringRecord::new() })
    }
}

impl<R: BufRead> Iterator for CsvLines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.reader.read_record(&mut self.record);
        let place = self.record.position().map_or_else(|| self.reader.position().line(), csv::Position::line);
        let row = match read {
            Ok(false) => return None,
            Ok(true) if self.record.len() != self.columns.len() => Err(LineFault::of_row(format!(
                "has {} fields, and the first line names {}",
                self.record.len(),
                self.columns.len()
            ))),
            Ok(true) => {
                let mut row = RawRow::default();
                self.columns
                    .iter()
                    .zip(&self.record)
                    .for_each(|(field, text)| row.set(*field, original(text).to_owned()));
                Ok(row)
            }
            Err(error) => match error.into_kind() {
                csv::ErrorKind::Io(error) => return Some(Err(error)),
                _ => Err(LineFault::of_row("is not CSV in UTF-8")),
            },
        };
        Some(Ok(Line { number: place, row }))
    }
}
