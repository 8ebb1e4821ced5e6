//! Writes sign-ins, and refused ones, to the audit trails of the organizations of the account's user.
//!
//! A sign-in concerns no single organization. But a guessed password opens each of the user's organizations, so each
//! gets an event: those that the user joined last, at most 100 ([`OrganizationMember::entries_of_newest`]). So the work
//! that a stranger can cause by one wrong password is bounded, however many organizations the person has. The log line
//! of the sign-in ([`super::provider`]) is complete in any case.
//!
//! The events are written after the answer, outside the request's path, so that an address with an account does not
//! take longer than one without. Attempts that the limits reject are not recorded, so the limits bound the events of an
//! account; each has cost the server a run of Argon2. The queue is bounded and has one writer: a flood of guesses uses
//! at most one database connection, and an event that does not fit is logged instead.

use crate::base::error::ApiError;
use crate::base::time::Timestamp;
use crate::domain::audit::{Action, Actor, Trail};
use crate::domain::changes::Store;
use crate::domain::identity::provider::Account;
use crate::domain::members::OrganizationMember;
use crate::infra::request::RequestOrigin;
use serde_json::json;
use std::time::Duration;
use tokio::sync::mpsc;

/// The maximum number of waiting events.
const QUEUE_LENGTH: usize = 1_024;
/// How long a shutdown waits for queued events.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A sign-in to an account, or a refused one.
#[derive(Debug)]
pub struct SignInEvent {
    pub account_id: String,
    pub succeeded: bool,
    /// Why it was refused, or `success`.
    pub reason: &'static str,
    pub request: Option<RequestOrigin>,
    pub at: Timestamp,
}

/// The queue of events.
#[derive(Clone, Debug)]
pub struct SignInEvents {
    queue: mpsc::Sender<SignInEvent>,
}

/// Writes the queue to the audit trail.
#[derive(Debug)]
pub struct SignInEventWriter {
    store: Store,
    waiting: mpsc::Receiver<SignInEvent>,
}

impl SignInEvents {
    /// Makes an empty queue and its writer.
    pub fn new(store: &Store) -> (Self, SignInEventWriter) {
        let (queue, waiting) = mpsc::channel(QUEUE_LENGTH);
        (Self { queue }, SignInEventWriter { store: store.clone(), waiting })
    }

    /// Queues an event without waiting. Logs a warning if the queue is full.
    pub fn enqueue(&self, event: SignInEvent) {
        if let Err(lost) = self.queue.try_send(event) {
            let event = lost.into_inner();
            tracing::warn!(account = event.account_id, "too many sign-ins at once: one is not in the audit trail");
        }
    }
}

impl SignInEventWriter {
    /// Writes events until `stop` completes; then the rest, for a bounded time.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { store, mut waiting } = self;
        {
            let mut stop = std::pin::pin!(stop);
            loop {
                tokio::select! {
                    () = &mut stop => break,
                    Some(event) = waiting.recv() => record(&store, event).await,
                }
            }
        }
        waiting.close();
        let rest = async {
            while let Some(event) = waiting.recv().await {
                record(&store, event).await;
            }
        };
        if tokio::time::timeout(STOP_LIMIT, rest).await.is_err() {
            tracing::warn!("stopped with sign-ins that are not in the audit trail");
        }
    }
}

async fn record(store: &Store, event: SignInEvent) {
    let written = store.for_all_tenants().write(move |conn| {
        let Some(user) = Account::user_of(conn, &event.account_id)? else { return Ok(()) };
        let mut trail = Trail::here();
        let (action, actor) = match event.succeeded {
            true => (Action::UserSignedIn, Actor::User(user)),
            false => (Action::UserSignInFailed, Actor::Anonymous),
        };
        trail.act_as(actor);
        trail.on_behalf_of(event.request);
        for entry in OrganizationMember::entries_of_newest(conn, action, user)? {
            trail.add(entry.after(json!({ "reason": event.reason })));
        }
        trail.write(conn, event.at)
    });
    if let Err(error) = written.await {
        let error: ApiError = error;
        tracing::error!(%error, cause = error.cause(), "a sign-in is not in the audit trail");
    }
}
