//! The outbox: mails wait in a bounded queue, off the request's path, and go from there to an SMTP server.
//!
//! Handlers hold a [`Mailer`], which adds mails to the queue. The server runs the [`Outbox`], which delivers them. A
//! mail that can't be delivered after some attempts is lost. The log has the reason, never the content, since mails
//! contain codes.

mod outbox;
mod quoted_name;
mod transport;

pub use outbox::Outbox;
pub(crate) use quoted_name::quoted_name;

use crate::base::config::Config;
use crate::base::error::ApiError;
use secrecy::SecretString;
use std::pin::Pin;
use tokio::sync::mpsc;
use transport::Transport;
use uuid::Uuid;

/// The most mails that wait.
const QUEUE_LENGTH: usize = 256;

/// A mail in plain text.
#[derive(Clone, Debug)]
pub struct Mail {
    pub to: String,
    /// The program's own words: nothing that a person chose.
    pub subject: &'static str,
    /// It may contain a code.
    pub text: SecretString,
}

/// Sends one mail and waits for it, on a thread that may block: for the command line, which has no queue.
///
/// # Errors
/// A text for the operator: mail is not configured, or the server does not take it. It has nothing of the mail.
pub fn send_blocking(config: &Config, mail: &Mail) -> Result<(), String> {
    let transport = Transport::new(&config.mail)?.ok_or("mail.smtp_url is not set")?;
    let sent = actix_web::rt::System::new().block_on(transport.deliver(mail, Uuid::new_v4()));
    sent.map_err(|failure| failure.cause)
}

/// A future that writes a mail, or decides that none is sent.
pub type Composition = Pin<Box<dyn Future<Output = Result<Option<Mail>, ApiError>> + Send>>;

/// Adds mails to the queue. It is cheap to call, and never waits.
#[derive(Clone, Debug)]
pub struct Mailer {
    queue: Option<mpsc::Sender<Composition>>,
}

impl Mailer {
    /// Creates the two ends of the queue. If mail is not configured, [`Mailer::is_on`] is false.
    ///
    /// # Errors
    /// A message for the operator if `[mail]` is unusable.
    pub fn new(config: &Config) -> Result<(Self, Outbox), String> {
        let transport = Transport::new(&config.mail)?;
        let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
        let queue = transport.is_some().then_some(sender);
        Ok((Self { queue }, Outbox::new(receiver, transport)))
    }

    /// Returns whether mail is configured.
    pub fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Queues a mail. `Ok` does not mean that the mail is delivered.
    ///
    /// # Errors
    /// `unavailable` if mail is off, or if too many mails wait.
    pub fn send(&self, to: &str, subject: &'static str, text: SecretString) -> Result<(), ApiError> {
        let mail = Mail { to: to.to_owned(), subject, text };
        self.compose_later(Box::pin(async { Ok(Some(mail)) }))
    }

    /// Queues the writing and sending of a mail, where the request should not wait for the writing.
    ///
    /// # Errors
    /// As [`Mailer::send`].
    pub fn compose_later(&self, compose: Composition) -> Result<(), ApiError> {
        let queue = self.queue.as_ref().ok_or_else(|| ApiError::unavailable_because("mail is not configured"))?;
        queue.try_send(compose).map_err(|_| ApiError::unavailable_because("too many mails wait to be sent"))
    }
}
