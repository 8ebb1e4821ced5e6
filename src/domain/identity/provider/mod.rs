//! The built-in provider: accounts, passwords and mailed codes.

mod account_changes;
mod account_names;
mod account_user;
mod accounts;
mod attempt_limits;
pub(crate) mod built_in;
mod firebase_error;
mod mailed_codes;
mod operator;
mod password;
mod refresh_tokens;
mod self_service;
mod sessions;

pub(crate) use account_changes::Change;
pub(crate) use account_user::is_user_of;
pub use accounts::Account;
pub(crate) use built_in::{BuiltIn, SignIn};
pub(crate) use firebase_error::{FirebaseError, FirebaseErrorBody, FirebaseRefusal, TransactionAnswer};
pub(crate) use mailed_codes::{MailedCode, OobCode, Purpose};
pub use sessions::Session;
pub(crate) use sessions::SignedInAccount;
pub use sessions::upkeep::keep_sessions;
