//! CSV whose cells no spreadsheet takes for formulas.
//!
//! A spreadsheet evaluates a cell that begins with `=`, `+`, `-` or `@`, also behind a tab, a carriage return or a NUL. An
//! apostrophe before it makes it a text. An import takes the apostrophe away, so that an exported file is read as it was.

use std::io::{self, Write};

/// Writes rows, and an apostrophe before each cell that could be a formula.
pub struct CsvWriter<W: Write>(csv::Writer<W>);

impl<W: Write> CsvWriter<W> {
    /// Creates a writer of CSV with commas.
    #[expect(clippy::disallowed_methods, reason = "this is the writer that neutralises cells")]
    pub fn new(out: W) -> Self {
        Self(csv::Writer::from_writer(out))
    }

    /// Writes one row.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write_row<T: AsRef<str>>(&mut self, cells: impl Iterator<Item = T>) -> io::Result<()> {
        for cell in cells {
            let cell = cell.as_ref();
            match is_formula(cell) {
                true => self.0.write_field(format!("'{cell}"))?,
                false => self.0.write_field(cell)?,
            }
        }
        Ok(self.0.write_record(None::<&[u8]>)?)
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Returns what a cell was before [`CsvWriter`] wrote it.
pub(super) fn original(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(cell)
}

/// True for a text that begins like a formula. With apostrophes before it, too, so that [`original`] is exact.
fn is_formula(cell: &str) -> bool {
    cell.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r', '\0', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(cells: &[&str]) -> String {
        let mut out = Vec::new();
        let mut writer = CsvWriter::new(&mut out);
        writer.write_row(cells.iter()).unwrap();
        writer.flush().unwrap();
        drop(writer);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_cell_that_begins_like_a_formula_begins_with_an_apostrophe() {
        let formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\0=1", "'=1", "''@", "＝1"];
        for formula in formulas {
            assert!(written(&["a", formula]).trim_start_matches("a,").trim_start_matches('"').starts_with('\''));
        }
        assert_eq!(written(&["a=b", "it's", "'quoted'", "", "1-2"]), "a=b,it's,'quoted',,1-2\n");
        assert_eq!(written(&["=\"a\",\n"]), "\"'=\"\"a\"\",\n\"\n");
    }

    proptest! {
        #[test]
        fn any_row_is_read_as_it_was(cells in prop::collection::vec("['=+@\\-\t\r\na-c,\"]{0,6}", 2..5)) {
            let text = written(&cells.iter().map(String::as_str).collect::<Vec<_>>());
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
            let record = reader.records().next().unwrap().unwrap();
            let read: Vec<&str> = record.iter().map(original).collect();
            prop_assert_eq!(read, cells);
        }
    }
}
