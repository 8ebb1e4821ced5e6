//! `keyward keys revoke`

use crate::base::config::Config;
use crate::base::ids::WorkspaceId;
use crate::base::time::Clock;
use crate::base::time::Timestamp;
use crate::domain::api_keys::{Comment, KeyFilter, KeyFormat, KeyPrefix, Reason, ReasonKind, Selected, creator_in};
use crate::domain::changes::ScopedStore;
use crate::domain::tenancy::Workspace;
use crate::infra::db::ScopedDb;

/// Which keys.
#[derive(clap::Args)]
pub struct RevokeArgs {
    /// The workspace, such as ws_01k4w5c9q2e0vb7m3t8z6r1xhd.
    #[arg(long)]
    workspace: WorkspaceId,
    /// Keys of this creator: the id of a user, or an e-mail address.
    #[arg(long, value_name = "USER")]
    creator: Option<String>,
    /// Keys that were not used since then, and not made since then (RFC 3339).
    #[arg(long, value_name = "TIME")]
    unused_since: Option<Timestamp>,
    /// Keys that start like this, as far as their preview shows it: sk_live_ or sk_live_4f9.
    #[arg(long)]
    prefix: Option<KeyPrefix>,
    /// Why: leaked, unused, rotated, offboarding or other. It is shown on the keys and in the audit trail.
    #[arg(long)]
    reason: Option<ReasonKind>,
    /// A comment on the reason: at most 500 characters.
    #[arg(long, value_name = "TEXT")]
    comment: Option<Comment>,
    /// Only print which ones they are.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command in as many transactions as needed. Prints a line for each key: id, preview, creator, name.
pub fn run(config: &Config, db: &ScopedDb, args: &RevokeArgs) -> Result<(), String> {
    let workspace = args.workspace;
    let text = |error: crate::base::error::ApiError| error.to_string();
    db.read_blocking(|conn| Workspace::find(conn, workspace))
        .map_err(text)?
        .ok_or_else(|| format!("there is no workspace {workspace}"))?;
    let created_by = match &args.creator {
        None => None,
        Some(named) => {
            let found = db.read_blocking(|conn| creator_in(conn, workspace, named)).map_err(text)?;
            Some(found.map_err(|fault| format!("--creator: {fault}"))?)
        }
    };
    let filter = KeyFilter { created_by, unused_since: args.unused_since, prefix: args.prefix.clone() };
    if created_by.is_none() && args.unused_since.is_none() && args.prefix.is_none() {
        return Err("say which keys: at least one of --creator, --unused-since and --prefix".to_owned());
    }
    let clock = Clock::system();
    filter.check(&KeyFormat::new(&config.keys), clock.now()).map_err(|error| error.message.into_owned())?;
    let store = ScopedStore::for_command(config, db.clone(), &clock)?;
    let reason = (!args.dry_run).then(|| Reason { kind: args.reason, comment: args.comment.clone() });
    let mut count = 0;
    loop {
        let now = clock.now();
        let Selected { keys, has_more } = store
            .change_access_blocking(|conn, access_change| {
                filter.revoke(conn, access_change, workspace, reason.as_ref(), now)
            })
            .map_err(text)?;
        count += keys.len();
        for (key, _) in keys {
            println!("{}\t{}\t{}\t{}", key.id, key.preview, key.creator_id, key.name.unwrap_or_default());
        }
        if args.dry_run || !has_more {
            let (what, more) = (if count == 1 { "key" } else { "keys" }, if has_more { ", and more" } else { "" });
            let done = match (args.dry_run, count) {
                (true, _) => "would be",
                (false, 1) => "is",
                (false, _) => "are",
            };
            println!("{count} {what} {done} revoked{more}");
            return Ok(());
        }
    }
}
