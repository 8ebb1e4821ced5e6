//! [`Writer`]: makes and revokes keys all the while, and knows afterwards what must be there, what may and what must not.

use super::tally::Tally;
use crate::support::Tenant;
use crate::support::database::TestDatabase;
use crate::support::http::{Answer, Api};
use crate::support::process;
use crate::support::tenant::User;
use crate::support::until::until;
use futures_util::future::join_all;
use serde_json::json;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// One organization's owner at work. Each has an organization of its own: changes in one wait for each other.
pub struct Writer {
    owner: User,
    workspace_id: String,
    keys: Vec<Made>,
    /// How many of `keys` were to be revoked.
    ended: usize,
    /// The names of those whose creation was not answered, or not well.
    unsure: BTreeSet<String>,
    named: usize,
    pub tally: Tally,
}

/// How far all writers are: what happens to them waits for that, not for a time, which a busy machine makes too short.
#[derive(Default)]
pub struct Work {
    /// How many keys they have begun to make.
    begun: Cell<usize>,
    is_over: Cell<bool>,
}

impl Work {
    /// Returns when so many more keys were begun.
    pub async fn more(&self, keys: usize) {
        let goal = self.begun.get() + keys;
        until("enough is written", async || self.begun.get() >= goal).await;
    }

    /// The writers finish what they are at.
    pub fn end(&self) {
        self.is_over.set(true);
    }
}

/// A key whose creation was acknowledged.
struct Made {
    id: String,
    plaintext: String,
    revocation: Revocation,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Revocation {
    None,
    Unsure,
    Acknowledged,
}

/// What was found afterwards.
#[derive(Default)]
pub struct Found {
    pub creations: usize,
    pub revocations: usize,
    /// Writes that were done, though nobody was told.
    pub unannounced: usize,
    /// Writes that were not acknowledged, and not done.
    pub undone: usize,
}

impl Writer {
    pub async fn new(api: &Api) -> Self {
        let Tenant { owner, workspace_id, .. } = Tenant::new(api).await;
        let (keys, unsure, tally) = (Vec::new(), BTreeSet::new(), Tally::default());
        Self { owner, workspace_id, keys, ended: 0, unsure, named: 0, tally }
    }

    pub async fn several(count: usize, api: &Api) -> Vec<Self> {
        let mut writers = Vec::new();
        for _ in 0..count {
            writers.push(Self::new(api).await);
        }
        writers
    }

    /// All of them at once, until the work is over.
    pub async fn run_all(writers: &mut [Self], api: &Api, work: &Work) {
        let runs = writers.iter_mut().map(async |writer| {
            while !work.is_over.get() {
                work.begun.set(work.begun.get() + 1);
                writer.step(api).await;
            }
        });
        join_all(runs).await;
    }

    /// Makes a key, uses it, and revokes the one before, which must then be good for nothing.
    async fn step(&mut self, api: &Api) {
        let name = format!("key {}", self.named);
        self.named += 1;
        let path = format!("/v1/workspaces/{}/api-keys", self.workspace_id);
        let create = api.post(&path).bearer(&self.owner.id_token).json(json!({ "name": name }));
        let sent = Instant::now();
        let outcome = create.try_send().await;
        self.tally.note("a creation", sent, &outcome, 201);
        match outcome {
            Ok(answer) if answer.status == 201 => {
                let plaintext = answer.text_at("/plaintext");
                self.use_key(api, &plaintext).await;
                self.keys.push(Made { id: answer.text_at("/id"), plaintext, revocation: Revocation::None });
            }
            _ => {
                self.unsure.insert(name);
                return tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        if self.keys.len() > self.ended + 1 {
            self.revoke(api, self.ended).await;
            self.ended += 1;
        }
    }

    async fn use_key(&mut self, api: &Api, key: &str) {
        let sent = Instant::now();
        let outcome = api.get("/v1/whoami").bearer(key).try_send().await;
        self.tally.note("the use of a good key", sent, &outcome, 200);
    }

    async fn revoke(&mut self, api: &Api, place: usize) {
        let path = format!("/v1/workspaces/{}/api-keys/{}/revoke", self.workspace_id, self.keys[place].id);
        let sent = Instant::now();
        let outcome = api.post(&path).bearer(&self.owner.id_token).try_send().await;
        self.tally.note("a revocation", sent, &outcome, 200);
        let is_done = outcome.is_ok_and(|answer| answer.status == 200);
        self.keys[place].revocation = if is_done { Revocation::Acknowledged } else { Revocation::Unsure };
        if is_done {
            let outcome = api.get("/v1/whoami").bearer(&self.keys[place].plaintext).try_send().await;
            self.note_refused(&outcome);
        }
    }

    /// A revoked key may meet a database that is away, and never a yes.
    fn note_refused(&mut self, outcome: &reqwest::Result<Answer>) {
        if let Ok(answer) = outcome
            && ![401, 503].contains(&answer.status)
        {
            self.tally.wrong.push(format!("a revoked key was answered {} {}", answer.status, answer.text));
        }
    }

    /// Asks the server for each key whose fate is known.
    pub async fn ask_for_all(&mut self, api: &Api) {
        for place in 0..self.keys.len() {
            let Made { plaintext, revocation, .. } = &self.keys[place];
            let good = match revocation {
                Revocation::None => 200,
                Revocation::Acknowledged => 401,
                Revocation::Unsure => continue,
            };
            api.get("/v1/whoami").bearer(plaintext).send().await.expect(good);
        }
    }

    /// Compares the database with what was acknowledged.
    pub fn check(&self, database: &TestDatabase, found: &mut Found) {
        let of_workspace = format!("WHERE workspace_id = '{}'", self.workspace_id);
        let rows: BTreeMap<String, (String, bool)> = database
            .texts(&format!(
                "SELECT id || '|' || name || '|' || CASE WHEN revoked_at IS NULL THEN 'live' ELSE 'revoked' END AS text \
                 FROM api_keys {of_workspace}"
            ))
            .iter()
            .map(|row| {
                let fields: Vec<&str> = row.split('|').collect();
                (fields[0].to_owned(), (fields[1].to_owned(), fields[2] == "revoked"))
            })
            .collect();
        let mut events = database.texts(&format!(
            "SELECT action || '|' || target_id AS text FROM audit_events {of_workspace} AND target_kind = 'api_key'"
        ));
        let mut secrets = database.texts(&format!(
            "SELECT api_key_id AS text FROM api_key_secrets WHERE api_key_id IN (SELECT id FROM api_keys {of_workspace})"
        ));
        let mut expected_events = Vec::new();
        for (id, (_, is_revoked)) in &rows {
            expected_events.push(format!("api_key.created|{id}"));
            if *is_revoked {
                expected_events.push(format!("api_key.revoked|{id}"));
            }
        }
        events.sort_unstable();
        expected_events.sort_unstable();
        assert_eq!(events, expected_events, "what is there and what the trail tells");
        secrets.sort_unstable();
        assert!(rows.keys().eq(&secrets), "each key has its secret");

        for key in &self.keys {
            let (_, is_revoked) = rows.get(&key.id).unwrap_or_else(|| panic!("lost: {} was acknowledged", key.id));
            match key.revocation {
                Revocation::None => assert!(!is_revoked, "{} was revoked by nobody", key.id),
                Revocation::Acknowledged => assert!(is_revoked, "lost: the revocation of {}", key.id),
                Revocation::Unsure if *is_revoked => found.unannounced += 1,
                Revocation::Unsure => found.undone += 1,
            }
            found.revocations += usize::from(key.revocation == Revocation::Acknowledged);
        }
        found.creations += self.keys.len();
        let mut unannounced = BTreeSet::new();
        for (id, (name, _)) in &rows {
            if self.keys.iter().all(|key| key.id != *id) {
                assert!(self.unsure.contains(name) && unannounced.insert(name), "nobody made {id}, {name}");
            }
        }
        found.unannounced += unannounced.len();
        found.undone += self.unsure.len() - unannounced.len();
    }
}

/// What all of them saw.
pub fn tally_of(writers: &[Writer]) -> Tally {
    let mut sum = Tally::default();
    writers.iter().for_each(|writer| sum.add(&writer.tally));
    sum
}

/// Compares the database with what was acknowledged, and has the audit trails checked.
pub async fn check_all(writers: &[Writer], database: &TestDatabase) -> Found {
    let mut found = Found::default();
    writers.iter().for_each(|writer| writer.check(database, &mut found));
    let verified = process::run(database, &["audit", "verify"]).await;
    assert!(verified.lines().filter(|line| line.contains("\twhole\t")).count() >= writers.len(), "{verified}");
    found
}
