//! The password of `keyward user set-password`: typed without an echo, or the first line of standard input.

use crate::base::config::Config;
use crate::domain::identity::{Account, OperatorsAccounts};
use crate::infra::db::ScopedDb;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;
use std::io::{self, BufRead, IsTerminal, Write};

/// Reads a new password for the account of an address, checks and hashes it.
///
/// # Errors
/// A text for the operator: the address has no account, or the password is refused.
pub fn hash(config: &Config, db: &ScopedDb, email: &str) -> Result<SecretString, String> {
    let accounts = OperatorsAccounts::new(config)?;
    let account =
        db.read_blocking(|conn| Account::of_address(conn, email)).map_err(|error| super::explain(email, error))?;
    let password = read().map_err(|error| format!("the password can't be read: {error}"))?;
    accounts.hash_for(&account, password)
}

fn read() -> io::Result<SecretString> {
    let input = io::stdin();
    let _silence = match input.is_terminal() {
        true => {
            eprint!("New password: ");
            io::stderr().flush()?;
            Some(Silence::begin()?)
        }
        false => None,
    };
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).into())
}

/// Switches the terminal's echo off until it is dropped.
struct Silence(Termios);

impl Silence {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
        eprintln!();
    }
}
