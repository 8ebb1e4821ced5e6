//! Failed sign-ins, in the trail of each organization that the account's person is a member of.
//!
//! A failed sign-in is about no organization, and its transaction changes nothing. But whoever guesses a member's
//! password guesses at the way into each of its organizations, so each is told: one event for each, in one transaction.
//!
//! It is written after the answer, off the request's path: an address with an account must not take longer than one
//! without. Only wrong passwords of accounts that are there are told, never those that the attempt limits refuse, so
//! the limits bound the events of an account; each cost the server a run of Argon2 before. The queue is bounded, and
//! emptied by one task: a flood of guesses takes one connection to the database at most, and what does not fit is
//! logged.

use crate::base::error::ApiError;
use crate::base::ids::{OrganizationId, UserId};
use crate::base::sql::Conn;
use crate::base::sql::schema::{accounts, organization_members, users};
use crate::base::time::Timestamp;
use crate::domain::audit::{Action, Actor, Entry, Target, Trail};
use crate::domain::changes::Store;
use crate::domain::identity::BUILTIN_ISSUER;
use crate::infra::request::RequestOrigin;
use diesel::prelude::*;
use std::time::Duration;
use tokio::sync::mpsc;

/// The most that wait.
const QUEUE_LENGTH: usize = 1_024;
/// How long a stop waits for those that were taken in.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Somebody gave a wrong password.
#[derive(Debug)]
pub struct FailedSignIn {
    /// The address that was given, in lower case.
    pub email: String,
    /// The request.
    pub request: Option<RequestOrigin>,
    /// When.
    pub at: Timestamp,
}

/// The queue of failed sign-ins.
#[derive(Clone, Debug)]
pub struct FailedSignIns {
    queue: mpsc::Sender<FailedSignIn>,
}

/// The other end of the queue.
#[derive(Debug)]
pub struct FailedSignInWriter {
    store: Store,
    waiting: mpsc::Receiver<FailedSignIn>,
}

impl FailedSignIns {
    /// An empty queue, and what writes it into the trail.
    pub fn new(store: &Store) -> (Self, FailedSignInWriter) {
        let (queue, waiting) = mpsc::channel(QUEUE_LENGTH);
        (Self { queue }, FailedSignInWriter { store: store.clone(), waiting })
    }

    /// Takes one in. Never waits.
    pub fn tell(&self, failed: FailedSignIn) {
        if self.queue.try_send(failed).is_err() {
            tracing::warn!("too many failed sign-ins at once: one is not in the audit trail");
        }
    }
}

impl FailedSignInWriter {
    /// Writes what was taken in, until `stop` is done; then what is left, for a bounded time.
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
        for (organization, user) in memberships(conn, &email)? {
            let target = Target::user(user, Some(&email));
            trail.add(Entry::new(Action::UserSignInFailed, organization, target));
        }
        trail.write(conn, at)
    });
    if let Err(error) = written.await {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::error!(%error, cause, "a failed sign-in is not in the audit trail");
    }
}

/// The organizations of the account with that address.
fn memberships(conn: &mut Conn, email: &str) -> Result<Vec<(OrganizationId, UserId)>, ApiError> {
    Ok(accounts::table
        .inner_join(users::table.on(users::subject.eq(accounts::id).and(users::issuer.eq(BUILTIN_ISSUER))))
        .inner_join(organization_members::table.on(organization_members::user_id.eq(users::id)))
        .filter(accounts::email.eq(email))
        .select((organization_members::organization_id, users::id))
        .load(conn)?)
}
