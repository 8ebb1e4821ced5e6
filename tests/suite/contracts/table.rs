//! The table of `docs/reference/contracts.md` names tests that exist.

use crate::support::tests_once;
use std::path::Path;

tests_once![every_line_of_the_table_names_a_test_that_exists];

async fn every_line_of_the_table_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("docs/reference/contracts.md")).expect("the table");
    let mut sources = String::new();
    collect(&root.join("tests/suite"), &mut sources);
    let mut count = 0;
    for line in table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| fact ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 3, "a fact, how Keyward does it, and the tests: {line}");
        let names: Vec<&str> = cells[2].split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test: {line}");
        for name in names {
            assert!(sources.contains(&format!("async fn {name}(")), "there is no test {name}: {line}");
        }
        count += 1;
    }
    assert!(count >= 60, "only {count} lines: is the table still read?");
}

fn collect(folder: &Path, sources: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&std::fs::read_to_string(&path).expect("text"));
        }
    }
}
