//! The mail room: what is to be sent goes into a bounded queue, off the request's path, and from there to an SMTP server.
//!
//! [`Mailer`] is what handlers hold. [`Outbox`] is the other end, which the running application empties. A mail that
//! can't be delivered after some attempts is lost, and the log says why, never what was in it: mails carry codes.

mod outbox;
mod transport;

pub use outbox::Outbox;

use crate::base::config::Config;
use crate::base::error::ApiError;
use secrecy::SecretString;
use std::pin::Pin;
use tokio::sync::mpsc;
use transport::Transport;

/// The most mails that wait.
const QUEUE_LENGTH: usize = 256;

/// A mail in plain text.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The recipient's address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The body, which may have a code in it.
    pub text: SecretString,
}

/// Work that ends in a mail, or in none.
pub type Composition = Pin<Box<dyn Future<Output = Result<Option<Mail>, ApiError>> + Send>>;

/// Takes mails in. Cheap to ask, never waits.
#[derive(Clone, Debug)]
pub struct Mailer {
    queue: Option<mpsc::Sender<Composition>>,
}

impl Mailer {
    /// The two ends of the queue. Without `mail.smtp_url` there is nothing behind it, and [`Mailer::is_on`] says so.
    ///
    /// # Errors
    /// A text for the operator: `[mail]` can't be used.
    pub fn new(config: &Config) -> Result<(Self, Outbox), String> {
        let transport = Transport::new(&config.mail)?;
        let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
        let queue = transport.is_some().then_some(sender);
        Ok((Self { queue }, Outbox::new(receiver, transport)))
    }

    /// Whether mails go anywhere.
    pub fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Sends a mail soon. That this returned `Ok` says nothing of its arrival.
    ///
    /// # Errors
    /// `unavailable` when mail is off, or when too many mails wait.
    pub fn send(&self, to: &str, subject: &str, text: SecretString) -> Result<(), ApiError> {
        let mail = Mail { to: to.to_owned(), subject: subject.to_owned(), text };
        self.compose_later(Box::pin(async { Ok(Some(mail)) }))
    }

    /// Has a mail written and sent soon, where writing it is work that the request should not wait for.
    ///
    /// # Errors
    /// As [`Mailer::send`].
    pub fn compose_later(&self, compose: Composition) -> Result<(), ApiError> {
        let queue = self.queue.as_ref().ok_or_else(|| ApiError::unavailable_because("mail is not configured"))?;
        queue.try_send(compose).map_err(|_| ApiError::unavailable_because("too many mails wait to be sent"))
    }
}
