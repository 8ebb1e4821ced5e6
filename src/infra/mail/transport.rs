//! [`Transport`]: sends one mail to the SMTP server, or writes it to the demo's log.

use super::Mail;
use crate::base::config::MailSettings;
use crate::base::input::email::Email;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, MIME_VERSION_1_0};
use lettre::transport::smtp::Error as SmtpError;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::ExposeSecret;
use std::time::Duration;
use uuid::Uuid;

/// The time limits of one attempt, and of each of its SMTP commands.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(20);
const COMMAND_LIMIT: Duration = Duration::from_secs(10);

/// The destination of mails.
#[derive(Debug)]
pub(super) enum Transport {
    /// To an SMTP server.
    Smtp { server: Box<AsyncSmtpTransport<Tokio1Executor>>, from: Mailbox },
    /// To the log of `keyward demo`, whose reader is the person who signs up.
    Log,
}

/// Why a mail was not delivered.
#[derive(Debug)]
pub(super) struct DeliveryFailure {
    /// Whether another attempt may work.
    pub(super) passing: bool,
    /// For the operator; never contains the mail.
    pub(super) cause: String,
}

impl Transport {
    /// Returns the configured transport; `None` if mail is off.
    pub(super) fn new(settings: &MailSettings) -> Result<Option<Self>, String> {
        let Some(url) = &settings.smtp_url else { return Ok(settings.log_mails.then_some(Self::Log)) };
        let from = settings.from.parse().map_err(|error| format!("mail.from: {:?}: {error}", settings.from))?;
        // The error could quote the URL, and with it the password.
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())
            .map_err(|_| "mail.smtp_url: must look like smtps://USER:PASSWORD@HOST".to_owned())?;
        let server = Box::new(builder.timeout(Some(COMMAND_LIMIT)).build());
        Ok(Some(Self::Smtp { server, from }))
    }

    /// Delivers a mail. All attempts to deliver it have the same id, by which a mailbox knows a mail that came twice.
    pub(super) async fn deliver(&self, mail: &Mail, id: Uuid) -> Result<(), DeliveryFailure> {
        let Self::Smtp { server, from } = self else {
            tracing::info!(target: "keyward::mail", to = mail.to, "{}", mail.text.expose_secret());
            return Ok(());
        };
        let permanent = |cause: String| DeliveryFailure { passing: false, cause };
        // The whole text is the address: by the grammar of mailboxes, `a<b@example.com>` would be a name and another one.
        let to = mail.to.parse::<Email>().ok().and_then(|email| email.address().ok());
        let to = to.ok_or_else(|| permanent("the recipient's address can't be written in a mail".into()))?;
        let message = Message::builder()
            .from(from.clone())
            .message_id(Some(format!("<{id}@{}>", from.email.domain())))
            .date_now()
            .to(Mailbox::new(None, to))
            .subject(mail.subject)
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.expose_secret().to_owned())
            .map_err(|error| permanent(error.to_string()))?;
        match tokio::time::timeout(ATTEMPT_LIMIT, server.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(DeliveryFailure { passing: !error.is_permanent(), cause: describe(&error) }),
            Err(_) => Err(DeliveryFailure { passing: true, cause: "the server took too long".into() }),
        }
    }
}

/// Describes the error without the server's text, which may quote the mail.
fn describe(error: &SmtpError) -> String {
    match error.status() {
        Some(code) => format!("the server answered {code}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_url_is_not_quoted() {
        let mut settings = crate::base::config::load(&crate::base::config::Sources::default()).unwrap().mail;
        settings.smtp_url = Some("ftp://user:hunter2@host".into());
        let error = Transport::new(&settings).unwrap_err();
        assert!(error.starts_with("mail.smtp_url") && !error.contains("hunter2"), "{error}");
    }
}
