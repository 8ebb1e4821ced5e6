//! [`Onward`]: the links that lead on from a page.

use crate::api::State;
use crate::base::config::Config;

/// The path of the page that mails a link for a new password.
pub(super) const RESET: &str = "/__/auth/reset";

/// A link of a page.
pub(super) struct Next {
    pub(super) text: &'static str,
    pub(super) url: String,
}

/// Where a person can go on.
pub(super) struct Onward {
    sends_mail: bool,
    sign_in_url: Option<String>,
    /// The page that the mail was asked to lead to, if the configuration trusts it.
    continue_url: Option<String>,
}

impl Onward {
    /// `asked` is the `continueUrl` of a link, which anybody may have written.
    pub(super) fn new(state: &State, asked: Option<&str>) -> Self {
        let config: &Config = &state.config;
        Self {
            sends_mail: state.mailer.is_on(),
            sign_in_url: config.identity.sign_in_url.clone(),
            continue_url: asked.and_then(|asked| config.trusted_page(asked)),
        }
    }

    /// The trusted page to go on at afterwards.
    pub(super) fn continue_url(&self) -> Option<&str> {
        self.continue_url.as_deref()
    }

    /// To the page where people sign in; none without one.
    pub(super) fn sign_in(&self) -> Option<Next> {
        let url = self.continue_url.clone().or_else(|| self.sign_in_url.clone())?;
        Some(Next { text: "Go to the sign-in", url })
    }

    /// To the page that mails a link for a new password; none where no mail is sent.
    pub(super) fn new_password(&self, text: &'static str) -> Option<Next> {
        self.sends_mail.then(|| {
            let parameter =
                self.continue_url().and_then(|url| serde_urlencoded::to_string([("continueUrl", url)]).ok());
            let url = parameter.map_or_else(|| RESET.to_owned(), |parameter| format!("{RESET}?{parameter}"));
            Next { text, url }
        })
    }
}
