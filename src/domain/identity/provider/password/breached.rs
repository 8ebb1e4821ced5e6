//! [`BreachedPasswords`]: a file of passwords from data breaches, as Pwned Passwords publishes it.
//!
//! Each line is a SHA-1 in hex, or its first ten characters or more; what follows behind a `:` is a count and is
//! ignored. Lines are sorted. A lookup is a binary search in the file: some twenty reads for a million lines, no memory,
//! and no work at the start. It opens the file anew, so that a replaced file counts at once.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use std::cmp::Ordering;
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The most bytes of a line.
const LINE_LIMIT: u64 = 128;
/// The fewest characters of a line's SHA-1. With fewer, most of all passwords would be in the file.
const MIN_HEX: usize = 10;
/// The characters of a whole SHA-1.
const MAX_HEX: usize = 40;
/// How many lines the start compares, to notice a file that is not sorted.
const SAMPLES: u64 = 16;

/// The file of breached passwords.
#[derive(Clone, Debug)]
pub(super) struct BreachedPasswords(PathBuf);

impl BreachedPasswords {
    /// Checks that the file can be used.
    ///
    /// # Errors
    /// A message for the operator.
    pub(super) fn open(path: &Path) -> std::result::Result<Self, String> {
        let wrong = |why: &dyn std::fmt::Display| format!("identity.breached_passwords: {}: {why}", path.display());
        let (mut file, length) = open(path).map_err(|error| wrong(&error))?;
        let mut before = String::new();
        for sample in 0..SAMPLES {
            let line = line_at(&mut file, length, length / SAMPLES * sample).map_err(|error| wrong(&error))?;
            if line.hex < before {
                return Err(wrong(&"must be sorted, as `sort` does with LC_ALL=C"));
            }
            before = line.hex;
        }
        Ok(Self(path.to_owned()))
    }

    /// Returns whether the file has the password. It blocks.
    ///
    /// # Errors
    /// The file can't be read, or has lines of another form.
    pub(super) fn contain(&self, password: &str) -> Result<bool> {
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        let (mut file, length) = open(&self.0)?;
        find(length, &hash, |place| line_at(&mut file, length, place))
    }
}

/// Searches sorted lines of that many bytes for a SHA-1 in upper-case hex. `line_at` reads the line that has a byte.
fn find(length: u64, hash: &str, mut line_at: impl FnMut(u64) -> Result<Line>) -> Result<bool> {
    let (mut low, mut high) = (0, length);
    while low < high {
        let line = line_at(low + (high - low) / 2)?;
        match line.hex.as_str().cmp(hash.get(..line.hex.len()).unwrap_or(hash)) {
            Ordering::Equal => return Ok(true),
            Ordering::Less => low = line.end,
            Ordering::Greater => high = line.start,
        }
    }
    Ok(false)
}

/// A line, with its place in the file in bytes.
struct Line {
    start: u64,
    /// Behind its line feed.
    end: u64,
    /// In upper case.
    hex: String,
}

/// Opens the file, and returns its length.
fn open(path: &Path) -> Result<(File, u64)> {
    let file = File::open(path)?;
    let about = file.metadata()?;
    match about.is_file() && about.len() > 0 {
        true => Ok((file, about.len())),
        false => Err(Error::new(ErrorKind::InvalidInput, "must be a file with at least one line")),
    }
}

/// Reads the line that has the byte at this place.
fn line_at(file: &mut File, length: u64, place: u64) -> Result<Line> {
    let from = place.saturating_sub(LINE_LIMIT);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take((place - from + LINE_LIMIT).min(length - from)).read_to_end(&mut bytes)?;
    let middle = usize::try_from(place - from).unwrap_or(usize::MAX).min(bytes.len());
    let start = bytes[..middle].iter().rposition(|byte| *byte == b'\n').map_or(0, |feed| feed + 1);
    let line = bytes[start..].split(|byte| *byte == b'\n').next().unwrap_or_default();
    let hex = line.split(|byte| *byte == b':' || *byte == b'\r').next().unwrap_or_default();
    let is_hash = (MIN_HEX..=MAX_HEX).contains(&hex.len()) && hex.iter().all(u8::is_ascii_hexdigit);
    if !is_hash {
        let why =
            "each line must be a SHA-1 in hex, or at least its first 10 characters, and may have :COUNT behind it";
        return Err(Error::new(ErrorKind::InvalidData, why));
    }
    let start_in_file = from + start as u64;
    Ok(Line {
        start: start_in_file,
        end: start_in_file + line.len() as u64 + 1,
        hex: hex.iter().map(|byte| char::from(byte.to_ascii_uppercase())).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    fn sha1(password: &str) -> String {
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
    }

    fn file_of(text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("breached.txt");
        std::fs::write(&path, text).unwrap();
        (directory, path)
    }

    #[test]
    fn each_line_is_found_and_nothing_else_in_every_form() {
        let mut hashes: Vec<String> = (0..1000).map(|n| sha1(&format!("breached {n}"))).collect();
        hashes.sort();
        for (form, feed) in [("{}:{n}", "\n"), ("{}", "\r\n"), ("short", "\n"), ("lower", "\n")] {
            for last_feed in [true, false] {
                let lines = hashes.iter().enumerate().map(|(n, hash)| match form {
                    "{}:{n}" => format!("{hash}:{}", n * n + 1),
                    "short" => hash[..10 + n % 31].to_owned(),
                    "lower" => hash.to_lowercase(),
                    _ => hash.clone(),
                });
                let mut text = lines.collect::<Vec<_>>().join(feed);
                text.push_str(if last_feed { feed } else { "" });
                let (_directory, path) = file_of(&text);
                let breached = BreachedPasswords::open(&path).unwrap();
                for n in 0..1000 {
                    assert!(breached.contain(&format!("breached {n}")).unwrap(), "{form} {n}");
                    assert!(!breached.contain(&format!("unheard of {n}")).unwrap(), "{form} {n}");
                }
            }
        }
    }

    #[test]
    fn a_file_of_another_form_is_named_with_the_reason() {
        let good = [sha1("a"), sha1("b")];
        let (greater, less) = if good[0] > good[1] { (&good[0], &good[1]) } else { (&good[1], &good[0]) };
        for (text, why) in [
            (String::new(), "at least one line"),
            ("password\n".to_owned(), "SHA-1"),
            ("5BAA6\n".to_owned(), "first 10 characters"),
            ("x".repeat(1000), "SHA-1"),
            (format!("{greater}\n{less}\n"), "sorted"),
        ] {
            let (_directory, path) = file_of(&text);
            let refused = BreachedPasswords::open(&path).unwrap_err();
            assert!(refused.contains(why) && refused.contains("identity.breached_passwords"), "{refused}");
        }
        assert!(BreachedPasswords::open(Path::new("/nowhere/at/all")).is_err());
    }

    #[test]
    fn a_lookup_in_a_million_lines_reads_some_twenty() {
        let mut text = String::new();
        for n in 0..1_000_000_u64 {
            writeln!(text, "{n:010X}:{n}").unwrap();
        }
        let (_directory, path) = file_of(&text);
        BreachedPasswords::open(&path).unwrap();
        let (mut file, length) = open(&path).unwrap();
        for n in [0, 1, 499_999, 500_000, 999_998, 999_999, 1_000_000] {
            let (hash, mut reads) = (format!("{n:010X}{}", "7".repeat(30)), 0);
            let found = find(length, &hash, |place| {
                reads += 1;
                line_at(&mut file, length, place)
            });
            assert_eq!(found.unwrap(), n < 1_000_000, "{n}");
            assert!(reads <= 25, "{n}: {reads}");
        }
    }
}
