//! [`Outbox`]: delivers queued mails, some at a time, and retries temporary failures.

use super::transport::{DeliveryFailure, Transport};
use super::{Composition, Mail};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

/// The most deliveries at once.
const AT_ONCE: usize = 4;
/// The pauses before the second and the third attempt.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// How long a stop waits for the queued mails.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// The receiving end of the queue.
#[derive(Debug)]
pub struct Outbox {
    queue: mpsc::Receiver<Composition>,
    transport: Option<Arc<Transport>>,
}

impl Outbox {
    pub(super) fn new(queue: mpsc::Receiver<Composition>, transport: Option<Transport>) -> Self {
        Self { queue, transport: transport.map(Arc::new) }
    }

    /// Delivers until `stop` is done; then delivers the remaining mails, for a bounded time.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let Some(transport) = self.transport.clone() else { return stop.await };
        let mut running = JoinSet::new();
        {
            let mut stop = std::pin::pin!(stop);
            loop {
                tokio::select! {
                    () = &mut stop => break,
                    Some(compose) = self.queue.recv(), if running.len() < AT_ONCE => {
                        running.spawn(deliver(compose, transport.clone()));
                    }
                    Some(_) = running.join_next(), if !running.is_empty() => {}
                }
            }
        }
        self.queue.close();
        let rest = async {
            while let Some(compose) = self.queue.recv().await {
                running.spawn(deliver(compose, transport.clone()));
            }
            while running.join_next().await.is_some() {}
        };
        if tokio::time::timeout(STOP_LIMIT, rest).await.is_err() {
            tracing::warn!("stopped with mails that were not delivered");
        }
    }
}

async fn deliver(compose: Composition, transport: Arc<Transport>) {
    match compose.await {
        Ok(Some(mail)) => attempt(&mail, &transport).await,
        Ok(None) => {}
        Err(error) => {
            tracing::error!(%error, cause = error.cause(), "a mail can't be written");
        }
    }
}

async fn attempt(mail: &Mail, transport: &Transport) {
    let id = Uuid::new_v4();
    let mut pauses = PAUSES.iter();
    loop {
        match (transport.deliver(mail, id).await, pauses.next()) {
            (Ok(()), _) => return tracing::info!(subject = mail.subject, "mail delivered"),
            (Err(DeliveryFailure { passing: true, cause }), Some(pause)) => {
                tracing::warn!(cause, subject = mail.subject, "mail not delivered; trying again");
                tokio::time::sleep(*pause).await;
            }
            (Err(DeliveryFailure { cause, .. }), _) => {
                return tracing::error!(cause, subject = mail.subject, "mail not delivered; given up");
            }
        }
    }
}
