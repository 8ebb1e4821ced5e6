//! The log of the whole run, and the search for secrets in it.
//!
//! All servers of the suite log into one file, with more detail than anybody runs in production. A secret that reaches
//! any event of any library, on any path that a test walks, is found here.

use super::secrets;
use libtest_mimic::Failed;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// A run of all tests that saw less than this did not look.
const MIN_SECRETS: usize = 50;
const MIN_LINES: usize = 1000;

struct Log {
    path: PathBuf,
    file: Arc<File>,
}

static LOG: OnceLock<Log> = OnceLock::new();

/// Sends every event of this process into the file.
pub fn install(path: &Path) -> Result<(), String> {
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(|error| error.to_string())?;
    let file = Arc::new(file);
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(EnvFilter::new("debug,keyward=trace"))
        .with_writer(file.clone())
        .finish()
        .try_init()
        .map_err(|error| error.to_string())?;
    LOG.set(Log { path: path.to_owned(), file }).map_err(|_| "the log was installed twice".to_owned())
}

/// Adds a line that another process wrote.
pub fn append(line: &str) {
    if let Some(log) = LOG.get() {
        // One write is one line: the file is opened for appending, and others write too.
        let written = (&*log.file).write_all(format!("{line}\n").as_bytes());
        written.expect("the log can be written");
    }
}

/// The last trial: finds a planted secret, and no other.
pub fn search(whole_run: bool) -> Result<(), Failed> {
    const PLANTED: &str = "planted-fgYx7Qm2Lw9";
    secrets::register(PLANTED);
    tracing::debug!(target: "suite::planted", value = format!("before{PLANTED}after"), "planted");

    let log = LOG.get().ok_or("there is no log")?;
    let secrets = secrets::all();
    let needles = Needles::new(&secrets);
    let mut reader = BufReader::new(File::open(&log.path)?);
    let (mut line, mut lines) = (Vec::new(), 0);
    let mut leaks = BTreeSet::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        lines += 1;
        if needles.any_in(&line) {
            leaks.insert(describe(&line));
        }
        line.clear();
    }
    if !leaks.remove("target suite::planted, message \"planted\"") {
        return Err("the search did not find the secret that was planted for it".into());
    }
    if !leaks.is_empty() {
        let places: Vec<String> = leaks.into_iter().collect();
        return Err(format!("secrets are in the log, in events with\n  {}", places.join("\n  ")).into());
    }
    if whole_run && (secrets.len() < MIN_SECRETS || lines < MIN_LINES) {
        return Err(format!("only {} secrets and {lines} lines: too few to prove anything", secrets.len()).into());
    }
    Ok(())
}

/// Which event it was, without what it said: the message only if it can't hold a secret.
fn describe(line: &[u8]) -> String {
    let event: Value = serde_json::from_slice(line).unwrap_or_default();
    let target = event["target"].as_str().unwrap_or("(not JSON)");
    let message = event["fields"]["message"].as_str().or_else(|| event["message"].as_str()).unwrap_or_default();
    let plain = message.chars().all(|c| c.is_ascii_alphabetic() || " ,.'".contains(c));
    format!("target {target}, message {:?}", if plain { message } else { "(not shown)" })
}

/// Many secrets, found in one pass: by their last eight bytes first, because the beginnings are alike.
struct Needles<'a> {
    by_end: HashMap<u64, Vec<&'a [u8]>>,
    /// Whether an end with this hash exists; spares nearly every look into the map.
    filter: Vec<bool>,
}

impl<'a> Needles<'a> {
    fn new(secrets: &'a BTreeSet<String>) -> Self {
        let mut needles = Self { by_end: HashMap::new(), filter: vec![false; 1 << 20] };
        for secret in secrets {
            let secret = secret.as_bytes();
            if let Some(end) = secret.last_chunk() {
                let end = u64::from_le_bytes(*end);
                needles.filter[Self::hash(end)] = true;
                needles.by_end.entry(end).or_default().push(secret);
            }
        }
        needles
    }

    fn any_in(&self, line: &[u8]) -> bool {
        (8..=line.len()).any(|end| {
            let Some(chunk) = line[..end].last_chunk() else { return false };
            let number = u64::from_le_bytes(*chunk);
            self.filter[Self::hash(number)]
                && self.by_end.get(&number).is_some_and(|secrets| secrets.iter().any(|s| line[..end].ends_with(s)))
        })
    }

    /// Twenty bits that depend on all eight bytes.
    fn hash(end: u64) -> usize {
        usize::try_from(end.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44).unwrap_or_default()
    }
}

/// The events of one request so far, by its id, in the order of the log.
pub fn events_of(request_id: &str) -> Vec<Value> {
    let log = LOG.get().expect("the log is installed");
    let reader = BufReader::new(File::open(&log.path).expect("the log can be read"));
    let lines = reader.lines().map_while(Result::ok).filter(|line| line.contains(request_id));
    lines.filter_map(|line| serde_json::from_str(&line).ok()).collect()
}

/// The ids of all requests at whose end a line was written.
pub fn requests_with_a_line() -> HashSet<String> {
    let log = LOG.get().expect("the log is installed");
    let reader = BufReader::new(File::open(&log.path).expect("the log can be read"));
    let lines = reader.lines().map_while(Result::ok).filter(|line| line.contains("keyward::server::observe::log_line"));
    // Wherever it stands: in the event, or in the span around it.
    let ids = |line: String| -> Vec<String> {
        line.match_indices("req_").filter_map(|(place, _)| line.get(place..place + 24)).map(str::to_owned).collect()
    };
    lines.flat_map(ids).collect()
}
