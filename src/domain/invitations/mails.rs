//! [`InvitationMails`]: mails invitations, with limits.

use super::token::InvitationToken;
use crate::base::config::{Config, InvitationLimitSettings};
use crate::base::error::{ApiError, Code};
use crate::base::ids::{OrganizationId, UserId};
use crate::base::input::email::TypedEmail;
use crate::base::policy::can;
use crate::base::time::Timestamp;
use crate::domain::access::OrganizationAccess;
use crate::domain::delegation::{Invitation, InvitationWithGrants};
use crate::domain::tenancy::User;
use crate::infra::mail::{Mailer, quoted_name};
use crate::infra::throttle::Throttle;
use std::time::Duration;

/// The age below which an organization has lower limits.
const YOUNG: Duration = Duration::from_secs(24 * 3600);
const UNVERIFIED: &str =
    "Confirm your own e-mail address first. Until then invitations are not mailed: hand over the token.";

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
    YoungOrganization(OrganizationId),
    InviterForYoung(UserId),
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

    /// Checks that the caller may have invitations mailed: a sign-up can use any address, so the caller's own must be
    /// verified.
    ///
    /// # Errors
    /// `conflict` when no invitations are mailed; `insufficient_permission` for a caller without a verified address;
    /// `validation_failed` for a service that acts for no member.
    pub fn check_sender(&self, access: &OrganizationAccess<can::OrganizationManage>) -> Result<(), ApiError> {
        if !self.are_on() {
            return Err(ApiError::with_message(Code::Conflict, "This server sends no mail."));
        }
        if !has_verified_address(access.named_person()?) {
            return Err(ApiError::with_message(Code::InsufficientPermission, UNVERIFIED));
        }
        Ok(())
    }

    /// Counts a mail before it is promised.
    ///
    /// # Errors
    /// `rate_limited` when this inviter or all inviters have mailed the address too often, or this inviter too many
    /// addresses; and for a young organization when it, or this inviter for all such, has mailed too many.
    pub fn count(
        &self,
        access: &OrganizationAccess<can::OrganizationManage>,
        email: &str,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let (inviter, organization) = (access.named_person()?.id, access.organization());
        let email = &*TypedEmail::of_stored(email).limit_key();
        let mut wanted = vec![
            (MailLimit::InviterAndAddress(inviter, email), self.limits.per_inviter_and_address),
            (MailLimit::Address(email), self.limits.per_address),
            (MailLimit::Inviter(inviter), self.limits.per_inviter),
        ];
        if now < organization.created_at.plus(YOUNG) {
            wanted.push((MailLimit::YoungOrganization(organization.id), self.limits.young_per_organization));
            wanted.push((MailLimit::InviterForYoung(inviter), self.limits.young_per_inviter));
        }
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
        let (Some(url), Some(sender)) = (&self.url, access.person()) else { return false };
        // A maker whose address is not verified is not named by it: the caller, who sends the mail, is.
        let maker = invitation.maker.as_ref().filter(|maker| has_verified_address(maker)).unwrap_or(sender);
        let invitation = &invitation.invitation;
        let text =
            email_body(&access.organization().name, maker, invitation, &format!("{url}?token={}", token.expose()));
        let sent = self.mailer.send(&invitation.email, "Invitation to join an organization", text.into());
        if let Err(error) = &sent {
            tracing::warn!(invitation = %invitation.id, cause = error.cause(), "an invitation is not mailed");
        }
        sent.is_ok()
    }
}

fn has_verified_address(user: &User) -> bool {
    user.email_verified && user.email.is_some()
}

/// Returns the mail. It is the same for all addresses, so that it doesn't reveal whether the address has an account.
fn email_body(organization: &str, inviter: &User, invitation: &Invitation, link: &str) -> String {
    let (email, inviter, organization) = (&invitation.email, name_of(inviter), quoted_name(organization));
    let until = invitation.expires_at.to_string();
    let until = until.get(..16).unwrap_or(&until).replace('T', " ");
    format!(
        "Hello,\n\n{inviter} invites {email} to join the organization {organization}. Follow this link to accept, \
         until {until} UTC:\n\n{link}\n\nThe link is for you alone: whoever has it can accept in your place. If you \
         expected no invitation, ignore this mail, and nothing happens.\n"
    )
}

/// Returns the inviter's verified address, after the name if there is one.
fn name_of(user: &User) -> String {
    let email = user.email.as_deref().unwrap_or_default();
    match user.name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => format!("{} ({email})", quoted_name(name)),
        None => email.to_owned(),
    }
}
