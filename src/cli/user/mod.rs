//! `keyward user`

mod create;
mod password;

use crate::base::config::Config;
use crate::base::error::{ApiError, Code};
use crate::base::input::email::TypedEmail;
use crate::base::time::Clock;
use crate::domain::changes::ScopedStore;
use crate::domain::identity::Account;
use crate::infra::db::ScopedDb;
use clap::Subcommand;
use create::CreateArgs;

/// What to do.
#[derive(Subcommand)]
pub enum UserCommand {
    /// List the built-in provider's accounts, newest first: id, state, e-mail.
    List,
    /// Make an account, and print a link that sets its password. The link is valid for a day.
    Create(CreateArgs),
    /// Set a password, which is asked for, or read from standard input. It ends the person's sessions.
    SetPassword {
        /// The account's address.
        #[arg(value_parser = typed)]
        email: String,
    },
    /// Delete an account for good. The person leaves all organizations, and the person's API keys stop.
    Delete {
        /// The account's address.
        #[arg(value_parser = typed)]
        email: String,
        /// That the account shall go.
        #[arg(long)]
        yes: bool,
    },
    /// Sign a person out everywhere, refuse new sign-ins, and stop the person's API keys.
    Disable {
        /// The account's address.
        #[arg(value_parser = typed)]
        email: String,
    },
    /// The opposite of `disable`.
    Enable {
        /// The account's address.
        #[arg(value_parser = typed)]
        email: String,
    },
    /// Sign a person out everywhere. The person may sign in again.
    SignOut {
        /// The account's address.
        #[arg(value_parser = typed)]
        email: String,
    },
    /// Count an address as verified, without a mail.
    VerifyEmail {
        /// The account's address.
        #[arg(value_parser = typed)]
        email: String,
    },
}

/// Checks that an account could have the address.
fn typed(text: &str) -> Result<String, String> {
    text.parse::<TypedEmail>().map(|_| text.to_owned())
}

pub fn run(config: &Config, db: &ScopedDb, command: &UserCommand) -> Result<(), String> {
    let clock = Clock::system();
    let (now, store) = (clock.now(), ScopedStore::for_command(config, db.clone(), &clock)?);
    let done = match command {
        UserCommand::List => return list(db),
        UserCommand::Create(args) => return create::run(config, &store, args),
        UserCommand::SetPassword { email } => {
            let hash = password::hash(config, db, email)?;
            store.change_access_blocking(|conn, access_change| {
                Account::set_password_of(conn, access_change, email, &hash, now)
            })
        }
        UserCommand::Delete { email, yes: false } => {
            let account =
                db.read_blocking(|conn| Account::of_address(conn, email)).map_err(|error| explain(email, error))?;
            return Err(format!("this deletes the account {} for good; say so with --yes", account.email));
        }
        UserCommand::Delete { email, yes: true } => {
            store.change_access_blocking(|conn, access_change| Account::delete_of(conn, access_change, email, now))
        }
        UserCommand::Disable { email } => store
            .change_access_blocking(|conn, access_change| Account::set_disabled(conn, access_change, email, Some(now))),
        UserCommand::Enable { email } => {
            store.change_access_blocking(|conn, access_change| Account::set_disabled(conn, access_change, email, None))
        }
        UserCommand::SignOut { email } => {
            store.change_access_blocking(|conn, access_change| Account::sign_out(conn, access_change, email, now))
        }
        UserCommand::VerifyEmail { email } => store
            .change_access_blocking(|conn, access_change| Account::verify_email_of_user(conn, access_change, email)),
    };
    let (UserCommand::Disable { email }
    | UserCommand::Enable { email }
    | UserCommand::SetPassword { email }
    | UserCommand::Delete { email, .. }
    | UserCommand::SignOut { email }
    | UserCommand::VerifyEmail { email }) = command
    else {
        return Ok(());
    };
    let done = done.map_err(|error| explain(email, error))?;
    println!("done: {}", done.email);
    Ok(())
}

fn explain(email: &str, error: ApiError) -> String {
    match error.code {
        Code::NotFound => format!("there is no account with the address {email}"),
        Code::LastOwner => format!(
            "{email} is the last owner of an organization. Delete the organization or make another member its owner, then \
             try again"
        ),
        _ => error.to_string(),
    }
}

fn list(db: &ScopedDb) -> Result<(), String> {
    let accounts = db.write_blocking(Account::all).map_err(|error| error.to_string())?;
    for account in accounts {
        let state = match (account.disabled_at, account.email_verified) {
            (Some(_), _) => "disabled",
            (None, true) => "verified",
            (None, false) => "unverified",
        };
        println!("{}\t{state}\t{}", account.id, account.email);
    }
    Ok(())
}
