//! `docs/security.md` has each requirement of OWASP ASVS 5.0.0, and each test that it names exists.

use crate::support::tests_once;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

tests_once![
    every_requirement_has_exactly_one_line,
    every_test_that_a_requirement_names_exists,
    the_policy_has_a_contact_versions_and_time_frames,
    dependencies_are_locked_and_checked,
];

/// The requirements of level 1.
const LEVEL_1: [&str; 70] = [
    "1.2.1", "1.2.2", "1.2.3", "1.2.4", "1.2.5", "1.3.1", "1.3.2", "1.5.1", "2.1.1", "2.2.1", "2.2.2", "2.3.1",
    "3.2.1", "3.2.2", "3.3.1", "3.4.1", "3.4.2", "3.5.1", "3.5.2", "3.5.3", "4.1.1", "4.4.1", "5.2.1", "5.2.2",
    "5.3.1", "5.3.2", "6.1.1", "6.2.1", "6.2.2", "6.2.3", "6.2.4", "6.2.5", "6.2.6", "6.2.7", "6.2.8", "6.3.1",
    "6.3.2", "6.4.1", "6.4.2", "7.2.1", "7.2.2", "7.2.3", "7.2.4", "7.4.1", "7.4.2", "8.1.1", "8.2.1", "8.2.2",
    "8.3.1", "9.1.1", "9.1.2", "9.1.3", "9.2.1", "10.4.1", "10.4.2", "10.4.3", "10.4.4", "10.4.5", "11.3.1", "11.3.2",
    "11.4.1", "12.1.1", "12.2.1", "12.2.2", "13.4.1", "14.2.1", "14.3.1", "15.1.1", "15.2.1", "15.3.1",
];

/// The requirements of level 2 that are not in level 1.
const LEVEL_2: [&str; 183] = [
    "1.1.1", "1.1.2", "1.2.6", "1.2.7", "1.2.8", "1.2.9", "1.3.3", "1.3.4", "1.3.5", "1.3.6", "1.3.7", "1.3.8",
    "1.3.9", "1.3.10", "1.3.11", "1.4.1", "1.4.2", "1.4.3", "1.5.2", "2.1.2", "2.1.3", "2.2.3", "2.3.2", "2.3.3",
    "2.3.4", "2.4.1", "3.3.2", "3.3.3", "3.3.4", "3.4.3", "3.4.4", "3.4.5", "3.4.6", "3.5.4", "3.5.5", "3.7.1",
    "3.7.2", "4.1.2", "4.1.3", "4.2.1", "4.3.1", "4.3.2", "4.4.2", "4.4.3", "4.4.4", "5.1.1", "5.2.3", "5.4.1",
    "5.4.2", "5.4.3", "6.1.2", "6.1.3", "6.2.9", "6.2.10", "6.2.11", "6.2.12", "6.3.3", "6.3.4", "6.4.3", "6.4.4",
    "6.5.1", "6.5.2", "6.5.3", "6.5.4", "6.5.5", "6.6.1", "6.6.2", "6.6.3", "6.8.1", "6.8.2", "6.8.3", "6.8.4",
    "7.1.1", "7.1.2", "7.1.3", "7.3.1", "7.3.2", "7.4.3", "7.4.4", "7.4.5", "7.5.1", "7.5.2", "7.6.1", "7.6.2",
    "8.1.2", "8.2.3", "8.4.1", "9.2.2", "9.2.3", "9.2.4", "10.1.1", "10.1.2", "10.2.1", "10.2.2", "10.3.1", "10.3.2",
    "10.3.3", "10.3.4", "10.4.6", "10.4.7", "10.4.8", "10.4.9", "10.4.10", "10.4.11", "10.5.1", "10.5.2", "10.5.3",
    "10.5.4", "10.5.5", "10.6.1", "10.6.2", "10.7.1", "10.7.2", "10.7.3", "11.1.1", "11.1.2", "11.2.1", "11.2.2",
    "11.2.3", "11.3.3", "11.4.2", "11.4.3", "11.4.4", "11.5.1", "11.6.1", "12.1.2", "12.1.3", "12.3.1", "12.3.2",
    "12.3.3", "12.3.4", "13.1.1", "13.2.1", "13.2.2", "13.2.3", "13.2.4", "13.2.5", "13.3.1", "13.3.2", "13.4.2",
    "13.4.3", "13.4.4", "13.4.5", "14.1.1", "14.1.2", "14.2.2", "14.2.3", "14.2.4", "14.3.2", "14.3.3", "15.1.2",
    "15.1.3", "15.2.2", "15.2.3", "15.3.2", "15.3.3", "15.3.4", "15.3.5", "15.3.6", "15.3.7", "16.1.1", "16.2.1",
    "16.2.2", "16.2.3", "16.2.4", "16.2.5", "16.3.1", "16.3.2", "16.3.3", "16.3.4", "16.4.1", "16.4.2", "16.4.3",
    "16.5.1", "16.5.2", "16.5.3", "17.1.1", "17.2.1", "17.2.2", "17.2.3", "17.2.4", "17.3.1", "17.3.2",
];

/// A line of the tables.
struct Line {
    number: String,
    level: String,
    verdict: String,
    reason: String,
    tests: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lines whose first cell is a number of three parts.
fn lines() -> Vec<Line> {
    let is_number = |cell: &str| cell.split('.').count() == 3 && cell.chars().all(|c| c.is_ascii_digit() || c == '.');
    let page = read("docs/security.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = rows.map(|row| row.split(" | ").map(str::to_owned).collect::<Vec<_>>());
    rows.filter(|cells| is_number(&cells[0]))
        .map(|cells| {
            // An empty last cell has no blank of its own.
            let [number, level, verdict, reason, rest @ ..] = cells.as_slice() else { panic!("{cells:?}") };
            let tests = rest
                .first()
                .map_or_else(Vec::new, |cell| cell.split(", ").map(|name| name.trim_matches('`').to_owned()).collect());
            let reason = reason.trim_end_matches(" |").to_owned();
            Line { number: number.clone(), level: level.clone(), verdict: verdict.clone(), reason, tests }
        })
        .collect()
}

async fn every_requirement_has_exactly_one_line() {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines() {
        let level = if LEVEL_1.contains(&line.number.as_str()) { "1" } else { "2" };
        assert_eq!(line.level, level, "{}", line.number);
        assert!(!line.reason.trim().is_empty(), "{} says neither how nor why", line.number);
        *count.entry(line.number).or_default() += 1;
    }
    let expected: BTreeMap<String, usize> =
        LEVEL_1.iter().chain(&LEVEL_2).map(|number| ((*number).to_owned(), 1)).collect();
    assert_eq!(expected.len(), LEVEL_1.len() + LEVEL_2.len());
    assert_eq!(count, expected);
}

/// The text of all Rust files below a folder.
fn sources(folder: PathBuf, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(path, text);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("a file"));
        }
    }
}

async fn every_test_that_a_requirement_names_exists() {
    let mut text = String::new();
    ["src", "tests/suite"].into_iter().for_each(|folder| sources(root().join(folder), &mut text));
    let mut named = 0;
    for Line { number, verdict, tests, .. } in lines() {
        match verdict.as_str() {
            "met" => assert!(!tests.is_empty(), "{number} is met by no test"),
            "not applicable" | "missed" => assert!(tests.is_empty(), "{number} is {verdict} and has tests"),
            other => panic!("{number}: {other}"),
        }
        for test in tests {
            assert!(text.contains(&format!("fn {test}(")), "{number}: there is no test {test}");
            named += 1;
        }
    }
    assert!(named > 150, "only {named} tests are named: are the tables still read?");
}

async fn the_policy_has_a_contact_versions_and_time_frames() {
    let policy = read("SECURITY.md");
    for part in
        ["Report a vulnerability", "/.well-known/security.txt", "| 14 days", "| 90 days", "## Versions", "RustSec"]
    {
        assert!(policy.contains(part), "SECURITY.md lacks {part}");
    }
}

async fn dependencies_are_locked_and_checked() {
    assert!(read("Makefile").contains("cargo deny check"));
    let rules = read("deny.toml");
    for section in ["[advisories]", "[sources]", "[licenses]"] {
        assert!(rules.contains(section), "deny.toml lacks {section}");
    }
    for (lock, manifest) in [
        ("Cargo.lock", "Cargo.toml"),
        ("clients/typescript/package-lock.json", "clients/typescript/package.json"),
        ("tests/openapi/package-lock.json", "tests/openapi/package.json"),
        ("tests/firebase/package-lock.json", "tests/firebase/package.json"),
    ] {
        assert!(!read(lock).is_empty() && !read(manifest).is_empty());
    }
}
