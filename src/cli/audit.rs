//! `keyward audit`

use crate::base::ids::OrganizationId;
use crate::domain::audit;
use crate::domain::audit::{Export, Filter};
use crate::infra::db::ScopedDb;
use clap::Subcommand;
use std::io::{BufWriter, Write};

/// What to do.
#[derive(Subcommand)]
pub enum AuditCommand {
    /// Check that no audit event was changed or taken away. Prints each trail's last hash: kept elsewhere, it shows
    /// later that a trail was not written anew.
    Verify {
        /// One organization; left out, every one that has or had a trail.
        organization_id: Option<OrganizationId>,
    },
    /// Print an organization's audit events as JSON Lines, oldest first; of a deleted one, too.
    Export {
        /// The organization.
        organization_id: OrganizationId,
    },
}

pub fn run(db: &ScopedDb, command: &AuditCommand) -> Result<(), String> {
    match command {
        AuditCommand::Verify { organization_id } => verify(db, *organization_id),
        AuditCommand::Export { organization_id } => export(db, *organization_id),
    }
}

fn verify(db: &ScopedDb, only: Option<OrganizationId>) -> Result<(), String> {
    let all = db.read_blocking(audit::organizations).map_err(|error| error.to_string())?;
    if let Some(id) = only
        && !all.contains(&id)
    {
        return Err(format!("there is no audit trail of {id}"));
    }
    let mut broken = 0;
    for id in all.into_iter().filter(|id| only.is_none_or(|only| only == *id)) {
        match db.session_blocking(|session| audit::verify(session, id)).map_err(|error| error.to_string())? {
            Ok(whole) => println!("{id}\twhole\t{} events\tends at {} {}", whole.events, whole.sequence, whole.hash),
            Err(fault) => {
                broken += 1;
                println!("{id}\tBROKEN\t{fault}");
            }
        }
    }
    if broken == 0 { Ok(()) } else { Err(format!("{broken} audit trails are not what was recorded")) }
}

fn export(db: &ScopedDb, id: OrganizationId) -> Result<(), String> {
    let started = db.read_blocking(|conn| Export::start(conn, id, Filter::default()));
    let mut export = started.map_err(|error| error.to_string())?.ok_or(format!("there is no audit trail of {id}"))?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    while let Some(lines) = db.read_blocking(|conn| export.next(conn)).map_err(|error| error.to_string())? {
        out.write_all(&lines).map_err(|error| error.to_string())?;
    }
    out.flush().map_err(|error| error.to_string())
}
