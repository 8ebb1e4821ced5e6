//! Tables in Markdown.

use crate::measure::short;

/// One scenario's result.
#[derive(Clone, Debug)]
pub struct Section {
    title: String,
    about: String,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Section {
    /// A table without a row yet.
    pub fn new(title: &str, about: &str, header: &[&str]) -> Self {
        let header = header.iter().map(|&cell| cell.to_owned()).collect();
        Self { title: title.to_owned(), about: about.to_owned(), header, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        assert_eq!(N, self.header.len(), "{}", self.title);
        self.rows.push(cells.into());
    }

    /// Adds a sentence to what stands above the table.
    pub fn note(&mut self, text: &str) {
        self.about.push('\n');
        self.about.push_str(text);
    }
}

impl std::fmt::Display for Section {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "## {}\n\n{}\n", self.title, self.about)?;
        if self.rows.is_empty() {
            return Ok(());
        }
        writeln!(f, "| {} |\n|{}", self.header.join(" | "), "---|".repeat(self.header.len()))?;
        self.rows.iter().try_for_each(|row| writeln!(f, "| {} |", row.join(" | ")))?;
        writeln!(f)
    }
}

/// A number against the least that it may be.
pub fn at_least(value: f64, goal: f64) -> String {
    format!("{}, goal ≥ {}: {}", short(value), short(goal), verdict(value >= goal))
}

/// A number against the most that it may be.
pub fn at_most(value: f64, goal: f64) -> String {
    format!("{}, goal ≤ {}: {}", short(value), short(goal), verdict(value <= goal))
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "**missed**" }
}
