//! Writes failed sign-ins to the audit trail of each organization of the account's user.
//!
//! A failed sign-in changes nothing and concerns no single organization. But a guessed password opens each of the
//! user's organizations, so each gets an event, all in one transaction.
//!
//! The events are written after the answer, outside the request's path, so that an address with an account does not
//! take longer than one without. Only wrong passwords of existing accounts are recorded, not attempts that the limits
//! reject, so the limits bound the events of an account; each has cost the server a run of Argon2. The queue is bounded
//! and has one writer: a flood of guesses uses at most one database connection, and an event that does not fit is
//! logged instead.

use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, UserId};
use crate::base::input::email::TypedEmail;
use crate::base::sql::Conn;
use crate::base::sql::schema::{accounts, organization_members, users};
use crate::base::time::Timestamp;
use crate::domain::audit::{Action, Actor, Entry, Target, Trail};
use crate::domain::changes::Store;
use crate::domain::identity::Account;
use crate::domain::identity::provider::is_user_of;
use crate::infra::request::RequestOrigin;
use diesel::prelude::*;
use std::time::Duration;
use tokio::sync::mpsc;

/// The maximum number of waiting events.
const QUEUE_LENGTH: usize = 1_024;
/// How long a shutdown waits for queued events.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A sign-in with a wrong password.
#[derive(Debug)]
pub struct FailedSignIn {
    /// The given address.
    pub email: TypedEmail,
    pub request: Option<RequestOrigin>,
    pub at: Timestamp,
}

/// The queue of failed sign-ins.
#[derive(Clone, Debug)]
pub struct FailedSignIns {
    queue: mpsc::Sender<FailedSignIn>,
}

/// Writes the queue to the audit trail.
#[derive(Debug)]
pub struct FailedSignInWriter {
    store: Store,
    waiting: mpsc::Receiver<FailedSignIn>,
}

impl FailedSignIns {
    /// Makes an empty queue and its writer.
    pub fn new(store: &Store) -> (Self, FailedSignInWriter) {
        let (queue, waiting) = mpsc::channel(QUEUE_LENGTH);
        (Self { queue }, FailedSignInWriter { store: store.clone(), waiting })
    }

    /// Queues an event without waiting. Logs a warning if the queue is full.
    pub fn enqueue(&self, failed: FailedSignIn) {
        if self.queue.try_send(failed).is_err() {
            tracing::warn!("too many failed sign-ins at once: one is not in the audit trail");
        }
    }
}

impl FailedSignInWriter {
    /// Writes events until `stop` completes; then the rest, for a bounded time.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { store, mut waiting } = self;
        {
            let mut stop = std::pin::pin!(stop);
            loop {
                tokio::select! {
                    () = &mut stop => break,
                    Some(failed) = waiting.recv() => record(&store, failed).await,
                }
            }
        }
        waiting.close();
        let rest = async {
            while let Some(failed) = waiting.recv().await {
                record(&store, failed).await;
            }
        };
        if tokio::time::timeout(STOP_LIMIT, rest).await.is_err() {
            tracing::warn!("stopped with failed sign-ins that are not in the audit trail");
        }
    }
}

async fn record(store: &Store, failed: FailedSignIn) {
    let FailedSignIn { email, request, at } = failed;
    let written = store.for_all_tenants().write(move |conn| {
        let mut trail = Trail::here();
        trail.act_as(Actor::Anonymous);
        trail.on_behalf_of(request);
        let Some(account) = Account::named(conn, &email)? else { return Ok(()) };
        for (organization, user) in memberships(conn, &account.id)? {
            let target = Target::user(user, Some(&account.email));
            trail.add(Entry::new(Action::UserSignInFailed, organization, target));
        }
        trail.write(conn, at)
    });
    if let Err(error) = written.await {
        tracing::error!(%error, cause = error.cause(), "a failed sign-in is not in the audit trail");
    }
}

/// Returns the organizations of the account, with its user.
fn memberships(conn: &mut Conn, account: &str) -> Result<Vec<(OrganizationId, UserId)>, ApiError> {
    Ok(accounts::table
        .inner_join(users::table.on(is_user_of(accounts::id)))
        .inner_join(organization_members::table.on(organization_members::user_id.eq(users::id)))
        .filter(accounts::id.eq(account))
        .select((organization_members::organization_id, users::id))
        .load(conn)?)
}
