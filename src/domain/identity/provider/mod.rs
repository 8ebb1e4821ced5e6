//! The built-in provider: accounts, passwords and mailed codes.

mod account_changes;
mod account_names;
mod account_user;
mod accounts;
mod attempt_limits;
pub(crate) mod built_in;
mod firebase_error;
mod id_tokens;
mod mail_texts;
mod mailed_codes;
mod operator;
mod operators_accounts;
mod password;
mod refresh_tokens;
mod self_service;
mod sessions;
mod sign_in_record;

pub(crate) use account_changes::Change;
pub use accounts::Account;
pub(crate) use built_in::{BuiltIn, Checked, RightPassword, SignIn};
pub(crate) use firebase_error::{FirebaseError, FirebaseErrorBody, FirebaseRefusal, TransactionAnswer};
pub(crate) use mailed_codes::{MailedCode, OobCode, Purpose};
pub use operators_accounts::{OperatorsAccounts, PasswordLink, user_named};
pub(crate) use password::Person;
pub use sessions::Session;
pub(crate) use sessions::SignedInAccount;
pub use sessions::upkeep::keep_sessions;
