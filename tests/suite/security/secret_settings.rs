//! No complaint about configuration has the value of a secret setting, whatever its type or form.
//!
//! The secret settings are those that `config/default.toml` marks, and those whose type in `src/base/config` is secret. Both
//! lists must be one.

use crate::support::{environment, process, tests_once};
use futures_util::{StreamExt, stream};
use keyward::base::config::{Sources, load};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use tempfile::NamedTempFile;

tests_once![
    each_secret_setting_is_marked_and_typed,
    no_complaint_about_a_file_has_a_secret,
    no_complaint_about_the_environment_has_a_secret,
    no_complaint_about_a_databases_address_has_its_password,
];

/// What stands in each value below, as a text and as numbers.
const MARKS: [&str; 3] = ["hunter2", "48151623", "4815.1623"];

/// Values of TOML, good and bad, for any setting.
const VALUES: [&str; 41] = [
    "\"hunter2\"",
    "hunter2",
    "\"hunter2",
    "'hunter2'",
    "\"hunter2\\q\"",
    "\"\"\"hunter2\n\"\"\"",
    "\"hunter2\" \"hunter2\"",
    "= \"hunter2\"",
    "48151623",
    "4815.1623",
    "true",
    "48151623-01-01",
    "[\"hunter2\"]",
    "[\"hunter2\", 48151623]",
    "[[\"hunter2\"]]",
    "[48151623]",
    "[\"hunter2\"",
    "[hunter2]",
    "{ a = \"hunter2\" }",
    "{ a = 48151623 }",
    "{ a = [\"hunter2\"] }",
    "{ a = { b = \"hunter2\" } }",
    "{ \"a b\" = \"hunter2\" }",
    "{ a = \"hunter2\\n\" }",
    "{ a = hunter2 }",
    "{ a = \"hunter2\"",
    "\"whsec_hunter2hunter2hunter2hunter2\"",
    "[\"whsec_hunter2\"]",
    "\"postgres://keyward:hunter2@127.0.0.1:1/keyward\"",
    "\"postgres://keyward:hunter2%@127.0.0.1:1/keyward\"",
    "\"postgres://keyward:hunter2%zz@127.0.0.1:1/keyward\"",
    "\"postgres://keyward:hunter2/@127.0.0.1:1/keyward\"",
    "\"postgres://keyward:a@hunter2@127.0.0.1:1/keyward\"",
    "\"postgres://keyward:hunter2@127.0.0.1:port/keyward\"",
    "\"postgres:/keyward:hunter2@127.0.0.1:1/keyward\"",
    "\"mysql://keyward:hunter2@127.0.0.1:1/keyward\"",
    "\"redis://:hunter2@127.0.0.1:port\"",
    "\"redis://:hunter2@127.0.0.1:1\"",
    "\"rediss://:hunter2?@127.0.0.1:1\"",
    "\"smtps://keyward:hunter2@127.0.0.1:port\"",
    "\"smtps://keyward:hunter2%@127.0.0.1:1\"",
];

/// The settings that the documented defaults mark as secret, with dots.
fn marked() -> Vec<String> {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/default.toml")).expect("a file");
    let (mut section, mut found) = (String::new(), Vec::new());
    for line in text.lines() {
        let written = line.trim_start_matches("# ");
        if let Some(rest) = written.strip_prefix('[') {
            section = rest.split(']').next().expect("a name").to_owned();
        } else if line.contains("# secret:") {
            let (name, _) = written.split_once(" = ").expect("a setting");
            found.push(format!("{section}.{name}"));
        }
    }
    found
}

/// The fields of the configuration whose type is secret.
fn typed() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/base/config");
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        for line in std::fs::read_to_string(&path).expect("a file").lines() {
            let Some((name, kind)) = line.trim().strip_prefix("pub ").and_then(|field| field.split_once(": ")) else {
                continue;
            };
            let is_secret = ["Secret<", "DatabaseUrl", "RateLimitStore"].iter().any(|secret| kind.contains(secret));
            assert!(is_secret || !kind.contains("SecretString"), "{name} in {}: must be a Secret<…>", path.display());
            if is_secret && !name.contains(' ') && !name.contains('(') {
                found.insert(name.to_owned());
            }
        }
    }
    found
}

#[track_caller]
fn assert_silent(said: &str, about: &str) {
    for mark in MARKS {
        assert!(!said.contains(mark), "{about}: {mark} is in {said}");
    }
}

async fn each_secret_setting_is_marked_and_typed() {
    let marked = marked();
    assert!(marked.len() >= 7, "only {marked:?}");
    let names: BTreeSet<String> = marked.iter().map(|key| key.rsplit('.').next().expect("a name").to_owned()).collect();
    assert_eq!(names, typed());
}

/// What loading a file says: the complaint, or the configuration as it is printed.
fn said_of(toml: &str) -> Result<String, String> {
    let mut file = NamedTempFile::with_suffix_in(".toml", environment::directory()).expect("a file");
    file.write_all(toml.as_bytes()).expect("written");
    let config = load(&Sources { file: Some(file.path().to_owned()), ..Sources::default() })?;
    Ok(format!("{config:?}\n{}", toml::to_string_pretty(&config).expect("TOML")))
}

async fn no_complaint_about_a_file_has_a_secret() {
    let (mut refused, mut taken) = (0, 0);
    for key in marked() {
        let (section, name) = key.rsplit_once('.').expect("a section");
        let (parent, own) = section.rsplit_once('.').unwrap_or(("", section));
        for value in VALUES {
            for toml in [
                format!("[{section}]\n{name} = {value}\n"),
                format!("[{section}]\n{name} = {value}\n{name} = {value}\n"),
                format!("[{section}]\nname = {value}\n"),
                format!("[{section}.{name}]\na = {value}\n"),
                format!("[[{section}.{name}]]\na = {value}\n"),
                // In place of its section.
                if parent.is_empty() { format!("{own} = {value}\n") } else { format!("[{parent}]\n{own} = {value}\n") },
            ] {
                match said_of(&toml) {
                    Ok(printed) => {
                        taken += 1;
                        assert_silent(&printed, &toml);
                    }
                    Err(complaint) => {
                        refused += 1;
                        assert_silent(&complaint, &toml);
                    }
                }
            }
        }
    }
    assert!(refused > 1000 && taken > 5, "{refused} refused and {taken} taken: are values still read?");
}

async fn no_complaint_about_the_environment_has_a_secret() {
    let keys = marked();
    let bare = ["hunter2", "postgres://keyward:hunter2%@127.0.0.1:1/keyward", "whsec_hunter2hunter2hunter2hunter2"];
    let values = VALUES.iter().chain(&bare);
    let cases: Vec<(String, &str)> = values
        .flat_map(|value| {
            let names =
                keys.iter().flat_map(|key| [key.clone(), key.rsplit_once('.').expect("a section").0.to_owned()]);
            names.map(move |name| (name, *value))
        })
        .collect();
    let said = stream::iter(cases).map(async |(name, value)| {
        let mut command = process::command(&["config", "check"]);
        command.env(format!("KEYWARD__{}", name.replace('.', "__").to_uppercase()), value);
        let output = process::output(command).await;
        let said = [output.stdout, output.stderr].concat();
        (name, value, output.status.success(), String::from_utf8_lossy(&said).into_owned())
    });
    let said: Vec<_> = said.buffer_unordered(4).collect().await;
    for (name, value, _, said) in &said {
        assert_silent(said, &format!("{name} = {value}"));
    }
    assert!(said.iter().filter(|(_, _, is_good, _)| !is_good).count() > 300, "are values still read?");
}

async fn no_complaint_about_a_databases_address_has_its_password() {
    for url in [
        "postgres://keyward:hunter2@127.0.0.1:1/keyward",
        "postgres://keyward:hunter2%@127.0.0.1:1/keyward",
        "postgres://keyward:hunter2%zz@127.0.0.1:1/keyward",
        "postgres://keyward:hunter2%00@127.0.0.1:1/keyward",
        "postgres://keyward:a%25hunter2@127.0.0.1:1/keyward",
        "postgres://keyward:a@hunter2@127.0.0.1:1/keyward",
        "postgres://keyward:a/hunter2@127.0.0.1:1/keyward",
        "postgres://keyward:a?hunter2@127.0.0.1:1/keyward",
        "postgres://keyward:hunter2@[::1/keyward",
        "postgres://keyward:hunter2@[::1]x/keyward",
        "postgres://keyward:hunter2@127.0.0.1:port/keyward",
        "postgres://127.0.0.1:1/keyward?password=hunter2",
        "postgres://127.0.0.1:1/keyward?password=hunter2%",
        "postgres://127.0.0.1:1/keyward?password=hunter2=",
        "hunter2",
    ] {
        for by_flag in [false, true] {
            let mut command = match by_flag {
                true => process::command(&["migrate", "--database-url", url]),
                false => process::command(&["migrate"]),
            };
            if !by_flag {
                command.env("DATABASE_URL", url);
            }
            let output = process::output(command).await;
            assert!(!output.status.success(), "{url}");
            assert_silent(&String::from_utf8_lossy(&output.stderr), url);
        }
    }
}
