//! [`Figures`]: what a test measured. It is printed; `make reliability` has it written into `docs/operations/reliability.md`.

use crate::support::Backend;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Mutex;
use std::time::Duration;

/// Names the document whose tables are to be written anew.
const FILE: &str = "KEYWARD_SUITE_RELIABILITY";

/// The figures of one fault, on one database.
pub struct Figures {
    fault: &'static str,
    column: &'static str,
    rows: Vec<(&'static str, String)>,
}

/// One fault's table: its rows in order, and for each the figure of each column.
type Table = Vec<(&'static str, BTreeMap<&'static str, String>)>;

/// Of all tests so far: a test that runs on both databases fills one table.
static TABLES: Mutex<BTreeMap<&'static str, Table>> = Mutex::new(BTreeMap::new());

impl Figures {
    pub fn of(fault: &'static str, database: Backend) -> Self {
        let column = match database {
            Backend::Sqlite => "SQLite",
            Backend::Postgres => "PostgreSQL",
        };
        Self { fault, column, rows: Vec::new() }
    }

    pub fn add(&mut self, what: &'static str, figure: impl Display) -> &mut Self {
        self.rows.push((what, figure.to_string()));
        self
    }

    /// Prints them, and writes the table where the environment says so.
    pub fn publish(self) {
        let Self { fault, column, rows } = self;
        let lines: Vec<String> = rows.iter().map(|(what, figure)| format!("  {what}: {figure}\n")).collect();
        println!("{fault}, {column}:\n{}", lines.concat());
        let mut tables = TABLES.lock().expect("no panic");
        let table = tables.entry(fault).or_default();
        for (what, figure) in rows {
            if table.iter().all(|(known, _)| *known != what) {
                table.push((what, BTreeMap::new()));
            }
            let row = table.iter_mut().find(|(known, _)| *known == what).expect("it was added");
            row.1.insert(column, figure);
        }
        if let Ok(file) = std::env::var(FILE) {
            // Under the lock: tests end at the same time.
            let document = std::fs::read_to_string(&file).expect("the document can be read");
            std::fs::write(&file, replace(&document, fault, table)).expect("the document can be written");
        }
    }
}

/// The document with this fault's table between its two marks.
fn replace(document: &str, fault: &str, table: &Table) -> String {
    let (start, end) = (format!("<!-- figures: {fault} -->\n"), "<!-- end of figures -->");
    let (before, rest) = document.split_once(&start).unwrap_or_else(|| panic!("the document has no {start}"));
    let (_, after) = rest.split_once(end).expect("the figures have an end");
    let mut columns: Vec<&str> = table.iter().flat_map(|(_, figures)| figures.keys().copied()).collect();
    columns.sort_unstable_by(|a, b| b.cmp(a));
    columns.dedup();
    let mut written = format!("| | {} |\n|---{}|\n", columns.join(" | "), "|---".repeat(columns.len()));
    for (what, figures) in table {
        let figures: Vec<&str> = columns.iter().map(|column| figures.get(column).map_or("–", String::as_str)).collect();
        written += &format!("| {what} | {} |\n", figures.join(" | "));
    }
    format!("{before}{start}{written}{end}{after}")
}

/// As figures are written.
pub fn milliseconds(time: Duration) -> String {
    match time.as_secs_f64() * 1e3 {
        time if time < 10.0 => format!("{time:.1} ms"),
        time => format!("{time:.0} ms"),
    }
}

/// The middle of them, the 99th of a hundred, and the longest.
pub fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let Some(longest) = times.last() else { return "none".to_owned() };
    let at = |part: usize| milliseconds(times[(times.len() * part / 100).min(times.len() - 1)]);
    format!("median {}, p99 {}, longest {}", at(50), at(99), milliseconds(*longest))
}
