//! [`InvitationMails`]: mails invitations, with limits.

use super::token::InvitationToken;
use crate::base::config::{Config, InvitationLimitSettings};
use crate::base::error::ApiError;
use crate::base::ids::UserId;
use crate::base::input::email::TypedEmail;
use crate::base::input::validation::NAME_LIMIT;
use crate::base::policy::can;
use crate::base::text::printable;
use crate::base::time::Timestamp;
use crate::domain::access::OrganizationAccess;
use crate::domain::delegation::{Invitation, InvitationWithGrants};
use crate::domain::tenancy::User;
use crate::infra::mail::Mailer;
use crate::infra::throttle::Throttle;

/// The base of the links, and the mails counted so far.
pub struct InvitationMails {
    /// `None` when no page exists to link to; then nothing is mailed.
    url: Option<String>,
    limits: InvitationLimitSettings,
    sent: Throttle,
    mailer: Mailer,
}

#[derive(Hash)]
enum MailLimit<'a> {
    InviterAndAddress(UserId, &'a str),
    Address(&'a str),
    Inviter(UserId),
}

impl InvitationMails {
    pub fn new(config: &Config, mailer: &Mailer) -> Self {
        let limits = config.mail.invitation_limits;
        Self {
            url: config.mail.invitation_url(&config.server, &config.identity),
            limits,
            sent: Throttle::new(limits.window),
            mailer: mailer.clone(),
        }
    }

    /// True when invitations are mailed.
    pub fn are_on(&self) -> bool {
        self.url.is_some() && self.mailer.is_on()
    }

    /// Counts a mail before it is promised.
    ///
    /// # Errors
    /// `rate_limited` when this inviter or all inviters have mailed the address too often, or this inviter too many
    /// addresses.
    pub fn count(&self, inviter: UserId, email: &str, now: Timestamp) -> Result<(), ApiError> {
        let email = &*TypedEmail::of_stored(email).limit_key();
        let wanted = [
            (MailLimit::InviterAndAddress(inviter, email), self.limits.per_inviter_and_address),
            (MailLimit::Address(email), self.limits.per_address),
            (MailLimit::Inviter(inviter), self.limits.per_inviter),
        ];
        let message = "Too many invitations were mailed lately, to this address or by you. Try again later.";
        self.sent.charge(&wanted, now).map(|_| ()).map_err(|wait| ApiError::rate_limited(message, wait))
    }

    /// Queues the mail of a stored invitation. `false` when it can't be queued; the invitation is valid all the same,
    /// so that is no error.
    pub fn send(
        &self,
        access: &OrganizationAccess<can::OrganizationManage>,
        invitation: &InvitationWithGrants,
        token: &InvitationToken,
    ) -> bool {
        let Some(url) = &self.url else { return false };
        let organization = &access.organization().name;
        let maker = invitation.maker.as_ref().unwrap_or(access.user());
        let invitation = &invitation.invitation;
        let text = email_body(organization, maker, invitation, &format!("{url}?token={}", token.expose()));
        let sent = self.mailer.send(&invitation.email, &format!("Invitation to join {organization}"), text.into());
        if let Err(error) = &sent {
            tracing::warn!(invitation = %invitation.id, cause = error.cause(), "an invitation is not mailed");
        }
        sent.is_ok()
    }
}

/// Returns the mail. It is the same for all addresses, so that it doesn't reveal whether the address has an account.
fn email_body(organization: &str, inviter: &User, invitation: &Invitation, link: &str) -> String {
    let (email, inviter) = (&invitation.email, name_of(inviter));
    let until = invitation.expires_at.to_string();
    let until = until.get(..16).unwrap_or(&until).replace('T', " ");
    format!(
        "Hello,\n\n{inviter} invites {email} to join the organization \"{organization}\". Follow this link to accept, \
         until {until} UTC:\n\n{link}\n\nThe link is for you alone: whoever has it can accept in your place. If you \
         expected no invitation, ignore this mail, and nothing happens.\n"
    )
}

/// Returns the inviter's name. An unverified address is marked, since a sign-up can use any address.
fn name_of(user: &User) -> String {
    let name = user.name.as_deref().map(|name| printable(name, NAME_LIMIT)).unwrap_or_default();
    let email = match &user.email {
        Some(email) if user.email_verified => email.clone(),
        Some(email) => format!("somebody who gives {email} as an address, which is not confirmed,"),
        None => "somebody whose address is not known".to_owned(),
    };
    if name.is_empty() { email } else { format!("{name} ({})", email.trim_end_matches(',')) }
}
