//! `keyward service-token`

use crate::base::config::{Config, parse_duration};
use crate::base::error::{ApiError, Code};
use crate::base::ids::{OrganizationId, ServiceTokenId};
use crate::base::input::validation::{Name, name};
use crate::base::policy::ServicePermissions;
use crate::base::time::{Clock, Timestamp};
use crate::domain::changes::ScopedStore;
use crate::domain::service_tokens::{NewServiceToken, ServiceToken, ServiceTokenChange};
use crate::domain::tenancy::Organization;
use crate::infra::db::ScopedDb;
use clap::Subcommand;
use std::time::Duration;

/// The longest overlap of a roll.
const MAX_OVERLAP: Duration = Duration::from_secs(30 * 86_400);

/// What to do.
#[derive(Subcommand)]
pub enum ServiceTokenCommand {
    /// Make a token for a gateway or a backend. It is printed this once.
    Create {
        /// What to call it.
        #[arg(long, value_parser = name)]
        name: Name,
        /// What it may do, with commas between: keys:verify, organizations:write and so on. To write includes to read.
        #[arg(long, value_name = "PERMISSIONS", default_value = "keys:verify")]
        can: ServicePermissions,
        /// The only organization that it sees; all if left out.
        #[arg(long, value_name = "ID")]
        organization: Option<OrganizationId>,
        #[command(flatten)]
        end: End,
    },
    /// List the tokens, newest first: id, state, preview, last use, permissions, organization, end, name.
    List,
    /// Change what a token may do, or when it ends, at once.
    Change {
        /// Its id, as `list` shows it.
        id: ServiceTokenId,
        /// What it may do from now on, with commas between.
        #[arg(long, value_name = "PERMISSIONS")]
        can: Option<ServicePermissions>,
        #[command(flatten)]
        end: End,
        /// It has no end any more.
        #[arg(long, conflicts_with_all = ["expires_at", "expires_in"])]
        no_expiry: bool,
    },
    /// Give a token a new value, which is printed this once. The old one stops at once, or after the overlap.
    Roll {
        /// Its id, as `list` shows it.
        id: ServiceTokenId,
        /// How long the old value works on, such as 15m or 24h.
        #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "0s")]
        overlap: Duration,
    },
    /// Stop a token at once and for good.
    Revoke {
        /// Its id, as `list` shows it.
        id: ServiceTokenId,
    },
}

/// When a token ends.
#[derive(clap::Args)]
pub struct End {
    /// When it ends (RFC 3339).
    #[arg(long, value_name = "TIME")]
    expires_at: Option<Timestamp>,
    /// After how long it ends, such as 90d.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with = "expires_at")]
    expires_in: Option<Duration>,
}

impl End {
    fn at(&self, now: Timestamp) -> Result<Option<Timestamp>, String> {
        let end = self.expires_at.or_else(|| self.expires_in.map(|duration| now.plus(duration)));
        match end {
            Some(end) if end <= now => Err("the end must be in the future".to_owned()),
            end => Ok(end),
        }
    }
}

pub fn run(config: &Config, db: &ScopedDb, command: &ServiceTokenCommand) -> Result<(), String> {
    let clock = Clock::system();
    let (now, store) = (clock.now(), ScopedStore::for_command(config, db.clone(), &clock)?);
    let failed = |error: ApiError| error.to_string();
    match command {
        ServiceTokenCommand::Create { name, can, organization, end } => {
            if let Some(id) = organization {
                let found = db.read_blocking(|conn| Organization::find(conn, *id)).map_err(failed)?;
                found.ok_or_else(|| format!("--organization: there is no organization {id}"))?;
            }
            let name = name.clone().into_string();
            let new = NewServiceToken {
                name: &name,
                permissions: *can,
                organization: *organization,
                expires_at: end.at(now)?,
            };
            let (id, token) = db.write_blocking(|conn| ServiceToken::create(conn, &new, now)).map_err(failed)?;
            println!("{id}\n{}", token.expose());
        }
        ServiceTokenCommand::List => {
            for token in db.read_blocking(ServiceToken::all).map_err(failed)? {
                println!("{}", line(&token, now));
            }
        }
        ServiceTokenCommand::Change { id, can, end, no_expiry } => {
            let expires_at = if *no_expiry { Some(None) } else { end.at(now)?.map(Some) };
            if can.is_none() && expires_at.is_none() {
                return Err("say what to change: --can, --expires-at, --expires-in or --no-expiry".to_owned());
            }
            let change = ServiceTokenChange { permissions: *can, expires_at };
            let changed = store
                .change_access_blocking(|conn, access_change| ServiceToken::change(conn, access_change, *id, change));
            println!("{}", line(&changed.map_err(|error| explain(*id, error))?, now));
        }
        ServiceTokenCommand::Roll { id, overlap } => {
            if *overlap > MAX_OVERLAP {
                return Err("--overlap must be at most 30d".to_owned());
            }
            let rolled = store.change_access_blocking(|conn, access_change| {
                ServiceToken::roll(conn, access_change, *id, *overlap, now)
            });
            println!("{id}\n{}", rolled.map_err(|error| explain(*id, error))?.expose());
        }
        ServiceTokenCommand::Revoke { id } => {
            let revoked =
                store.change_access_blocking(|conn, access_change| ServiceToken::revoke(conn, access_change, *id, now));
            revoked.map_err(|error| explain(*id, error))?;
            println!("{id} is revoked");
        }
    }
    Ok(())
}

fn explain(id: ServiceTokenId, error: ApiError) -> String {
    match error.code {
        Code::NotFound => format!("there is no service token {id}"),
        Code::Conflict => error.message.into_owned(),
        _ => error.to_string(),
    }
}

fn line(token: &ServiceToken, now: Timestamp) -> String {
    let state = match token.revoked_at {
        Some(_) => "revoked",
        None if token.has_expired(now) => "expired",
        None => "active",
    };
    let used = token.last_used_at.map_or_else(|| "never used".to_owned(), |used| used.to_string());
    let place = token.organization_id.map_or_else(|| "all organizations".to_owned(), |id| id.to_string());
    let end = token.expires_at.map_or_else(|| "no end".to_owned(), |end| end.to_string());
    let ServiceToken { id, preview, name, .. } = token;
    format!("{id}\t{state}\t{preview}\t{used}\t{}\t{place}\t{end}\t{name}", token.permissions())
}
