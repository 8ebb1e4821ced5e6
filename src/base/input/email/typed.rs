//! [`TypedEmail`]: an address that names an account, which an older version may have stored in another form.

use super::Email;
use crate::base::text::is_unprintable;
use std::str::FromStr;

/// What a person types to name an existing account.
///
/// Before addresses had a normal form, an account's was stored as the text in Unicode's lower case. Such an account is
/// found by the text as ever, and also by its normal form, unless that is another account's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedEmail {
    normal: Option<Email>,
    /// The form that older versions stored.
    older: String,
}

impl TypedEmail {
    /// Returns the name of the account that has exactly this stored address.
    pub fn of_stored(stored: &str) -> Self {
        Self { normal: stored.parse().ok(), older: stored.to_owned() }
    }

    /// Returns the normal form; `None` for a text that is no address, which only an older version took for one.
    pub fn normal(&self) -> Option<&Email> {
        self.normal.as_ref()
    }

    /// Returns the stored addresses that this names, best first: an older form that a new account can't have, then the
    /// normal form, then an older form that is itself a normal one.
    pub fn stored_forms(&self) -> Vec<&str> {
        let normal = self.normal.as_ref().map(Email::as_str);
        let is_of_old = self.older.parse::<Email>().map_or(true, |email| email.as_str() != self.older);
        let (first, last) = if is_of_old { (Some(&*self.older), None) } else { (None, Some(&*self.older)) };
        [first, normal, last].into_iter().flatten().collect()
    }

    /// Returns the text by which attempts and mails are counted. All spellings that find one account have the same.
    pub fn limit_key(&self) -> String {
        self.normal.as_ref().map_or(&*self.older, Email::as_str).to_lowercase()
    }
}

impl FromStr for TypedEmail {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let normal: Result<Email, String> = text.parse();
        if !was_accepted(text) {
            normal.as_ref().map_err(Clone::clone)?;
        }
        Ok(Self { normal: normal.ok(), older: text.to_lowercase() })
    }
}

/// Returns whether older versions made accounts of the address, whose stored form is the text's own. A letter whose lower
/// case is ASCII, such as the Kelvin sign, would lead to another person's account.
fn was_accepted(text: &str) -> bool {
    let folds_to_ascii = |c: char| !c.is_ascii() && c.to_lowercase().any(|lower| lower.is_ascii());
    let is_refused = |c: char| is_unprintable(c) || c.is_whitespace() || folds_to_ascii(c);
    let fits = text.len() <= 254 && !text.chars().any(is_refused);
    let (local, domain) = text.split_once('@').unwrap_or_default();
    let labels_are_good = domain.split('.').all(|label| !label.is_empty() && label.len() <= 63);
    fits && !local.is_empty() && !domain.contains('@') && domain.contains('.') && labels_are_good
}
