//! What a configuration may declare.

use crate::support::tests_once;
use keyward::base::config::{Sources, load};
use std::io::Write;

tests_once![a_bad_permission_stops_the_start_and_says_which];

fn loaded(text: &str) -> Result<keyward::base::config::Config, String> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("written");
    load(&Sources { file: Some(file.path().to_owned()), ..Sources::default() })
}

async fn a_bad_permission_stops_the_start_and_says_which() {
    let many: String =
        (0..193).map(|number| format!("\"invoices:n{number}\" = {{ least_role = \"viewer\" }}\n")).collect();
    for (text, words) in [
        ("[permissions]\ninvoices = { least_role = \"viewer\" }", vec!["permissions.\"invoices\"", "invoices:read"]),
        ("[permissions]\n\"Invoices:read\" = { least_role = \"viewer\" }", vec!["permissions.\"Invoices:read\""]),
        ("[permissions]\n\"invoices:\" = { least_role = \"viewer\" }", vec!["permissions.\"invoices:\""]),
        (
            "[permissions]\n\"keys:own\" = { least_role = \"viewer\" }",
            vec!["permissions.\"keys:own\"", "Keyward's own"],
        ),
        (
            "[permissions]\n\"a:b\" = { least_role = \"owner\" }",
            vec!["permissions.a:b.least_role", "viewer, editor, admin, none"],
        ),
        ("[permissions]\n\"a:b\" = {}", vec!["least_role"]),
        ("[permissions]\n\"a:b\" = { least_role = \"viewer\", role = 1 }", vec!["role"]),
        (&format!("[permissions]\n{many}"), vec!["permissions", "192"]),
        ("[gateway.methods]\n\"*\" = \"invoices:read\"", vec!["gateway.methods", "invoices:read", "[permissions]"]),
    ] {
        let error = loaded(text).map(drop).expect_err(text);
        for word in words {
            assert!(error.contains(word), "{text}\n{error}");
        }
    }
    let declared = loaded(
        "[permissions]\n\"a:b\" = { least_role = \"none\" }\n\"posts:read\" = { least_role = \"admin\" }\n[collections.posts]",
    );
    let catalog = declared.expect("a good configuration").permission_catalog().expect("a catalogue");
    let names: Vec<&str> = catalog.iter().map(|permission| permission.name.as_str()).skip(13).collect();
    assert_eq!(names, ["a:b", "posts:read", "posts:write"]);
}
