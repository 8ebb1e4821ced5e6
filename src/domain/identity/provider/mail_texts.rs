//! The mails of the built-in provider.

use super::mailed_codes::Purpose;
use crate::base::time::Timestamp;
use crate::infra::mail::Mail;
use std::net::IpAddr;

/// Returns the text of the notice. It has no link, so that nobody learns to follow one in such a mail.
pub(super) fn new_password_text(email: &str, address: Option<IpAddr>, now: Timestamp) -> String {
    let place = address.map_or_else(String::new, |address| format!(" from the address {address}"));
    format!(
        "Hello,\n\nthe password of your account {email} was changed at {now}{place}. Your sessions elsewhere have \
         ended.\n\nIf it was you, there is nothing to do. If it was not you, ask for a new password where you sign in, \
         and tell the people who run this service.\n"
    )
}

/// Returns the mail with a code's link.
pub(super) fn code_mail(purpose: Purpose, to: String, link: &str) -> Mail {
    let (subject, text) = match purpose {
        Purpose::PasswordReset => (
            "Set a new password",
            format!(
                "Hello,\n\nsomebody, hopefully you, asked for a new password for {to}. Follow this link within an \
                 hour to set one:\n\n{link}\n\nIf it was not you, ignore this mail: nothing has changed.\n"
            ),
        ),
        Purpose::VerifyEmail => (
            "Confirm your e-mail address",
            format!(
                "Hello,\n\nfollow this link within a day to confirm that {to} is your address:\n\n{link}\n\nIf you \
                 have not signed up, ignore this mail.\n"
            ),
        ),
    };
    Mail { to, subject, text: text.into() }
}
