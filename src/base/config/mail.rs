//! `[mail]`: the SMTP server, the links in mails, and the limits on mails.

use super::{Identity, Secret, Server, duration};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[mail]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    /// The SMTP server, as `smtps://USER:PASSWORD@HOST`; `None`: no mail is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smtp_url: Option<Secret<SecretString>>,
    /// The sender of mails.
    pub from: String,
    /// The URL of links in mails; `None`: the built-in page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_url: Option<String>,
    /// The URL of links in invitations; `None`: the built-in provider's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation_url: Option<String>,
    pub invitation_limits: InvitationLimitSettings,
    /// Writes mails to the log instead. Only `keyward demo` sets it, because mails carry codes.
    #[serde(skip)]
    pub log_mails: bool,
}

impl MailSettings {
    /// Returns the URL of links in mails.
    pub fn action_url(&self, server: &Server) -> String {
        self.action_url.clone().unwrap_or_else(|| format!("{}/__/auth/action", server.public_url))
    }

    /// Returns the URL of links in invitations; `None` if there is neither a configured page nor the built-in one.
    pub fn invitation_url(&self, server: &Server, identity: &Identity) -> Option<String> {
        let own_page = || identity.builtin.then(|| format!("{}/__/auth/invitation", server.public_url));
        self.invitation_url.clone().or_else(own_page)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(url) = &self.smtp_url
            && !["smtp://", "smtps://"].iter().any(|scheme| url.expose_secret().starts_with(scheme))
        {
            return Err("mail.smtp_url: must look like smtps://USER:PASSWORD@HOST".into());
        }
        if self.from.parse::<lettre::message::Mailbox>().is_err() {
            return Err(format!(
                "mail.from: {:?} must be an address, such as Keyward <keyward@example.com>",
                self.from
            ));
        }
        for (name, url) in [("action_url", &self.action_url), ("invitation_url", &self.invitation_url)] {
            if let Some(url) = url
                && (!(url.starts_with("http://") || url.starts_with("https://")) || url.contains(['?', '#']))
            {
                return Err(format!("mail.{name}: {url:?} must start with http:// or https://, and have no ? or #"));
            }
        }
        self.invitation_limits.check()
    }
}

/// `[mail.invitation_limits]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvitationLimitSettings {
    /// The most mails from one user to one address, in a window.
    pub per_inviter_and_address: u32,
    /// The most mails to one address, from all users.
    pub per_address: u32,
    /// The most mails from one user, to all addresses.
    pub per_inviter: u32,
    /// The most mails for one organization in its first 24 hours.
    pub young_per_organization: u32,
    /// The most mails from one user for all organizations in their first 24 hours.
    pub young_per_inviter: u32,
    /// How long an exhausted limit takes to refill, at an even rate.
    #[serde(with = "duration")]
    pub window: Duration,
}

impl InvitationLimitSettings {
    fn check(&self) -> Result<(), String> {
        let Self {
            per_inviter_and_address,
            per_address,
            per_inviter,
            young_per_organization,
            young_per_inviter,
            window,
        } = *self;
        let limits = [per_inviter_and_address, per_address, per_inviter, young_per_organization, young_per_inviter];
        if limits.contains(&0) || window.is_zero() {
            return Err("mail.invitation_limits: every limit and the window must be more than 0".into());
        }
        Ok(())
    }
}
