//! [`back_up`]: copies the SQLite database while servers write to it.

use super::connection::Manager;
use super::migrations::ensure_there;
use crate::base::sql::{Conn, DatabaseUrl};
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes a copy of the database at `url` to `target`, readable by its owner only, and returns its size in bytes.
///
/// `VACUUM INTO` reads one snapshot: the copy has each transaction as a whole or not at all, and writers continue
/// meanwhile. SQLite's online backup API restarts at each write, and diesel doesn't expose it. The copy is checked and
/// synced to disk before it gets its name, so a file of that name is a whole backup.
///
/// # Errors
/// A message for the operator: the database is not SQLite or not there, the target exists, or the copy failed. No file
/// is left then.
pub fn back_up(url: &DatabaseUrl, target: &Path) -> Result<u64, String> {
    if matches!(url, DatabaseUrl::Postgres(_)) {
        return Err(format!("{url} is not SQLite. {BY_PG_DUMP}", url = url.place()));
    }
    ensure_there(url)?;
    if target.exists() {
        return Err(format!("{} is there already; it is left alone", target.display()));
    }
    let unfinished = Unfinished::claim(target)?;
    let copied = copy(url, &unfinished.0).and_then(|()| check(&unfinished.0));
    copied.map_err(|error| format!("the backup of {url} failed: {error}"))?;
    unfinished.finish(target).map_err(|error| format!("{}: {error}", target.display()))
}

/// How PostgreSQL is backed up. A role without BYPASSRLS, such as the recommended one, must say that it means the rows of
/// all tenants: otherwise `pg_dump` fails or leaves them out.
const BY_PG_DUMP: &str = "Back it up by:\n\n  PGOPTIONS='-c keyward.organization=*' pg_dump --format=custom \
    --enable-row-security --file=keyward.dump \"$DATABASE_URL\"\n";

/// The file while it is written. Dropping it removes the file, unless it is finished.
struct Unfinished(PathBuf);

impl Unfinished {
    /// Creates the file beside the target, so that a rename is possible, and before SQLite, so that only the owner can
    /// read it.
    fn claim(target: &Path) -> Result<Self, String> {
        let mut name = OsString::from(target);
        name.push(".unfinished");
        let path = PathBuf::from(name);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        made.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }

    fn finish(self, target: &Path) -> std::io::Result<u64> {
        let file = File::open(&self.0)?;
        file.sync_all()?;
        fs::rename(&self.0, target)?;
        // The new name is on the disk once its folder is.
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
        Ok(file.metadata()?.len())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // A finished file is already renamed, and a failure is already reported.
        let _ = fs::remove_file(&self.0);
    }
}

fn copy(url: &DatabaseUrl, target: &Path) -> Result<(), String> {
    let target = target.to_str().ok_or("the file's name is not UTF-8")?;
    let mut conn = Manager::new(url.clone()).open().map_err(|error| error.to_string())?;
    let Conn::Sqlite(sqlite) = &mut conn else { return Err("it is not SQLite".into()) };
    let vacuum = diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(target);
    vacuum.execute(sqlite).map(drop).map_err(|error| error.to_string())
}

#[derive(QueryableByName)]
struct Finding {
    #[diesel(sql_type = Text)]
    finding: String,
}

fn check(copy: &Path) -> Result<(), String> {
    let path = copy.to_str().ok_or("the file's name is not UTF-8")?;
    // Opened without a server's settings: the copy stays one file, without a WAL beside it.
    let mut sqlite = SqliteConnection::establish(path).map_err(|error| error.to_string())?;
    let query = "SELECT quick_check AS finding FROM pragma_quick_check";
    let findings: Vec<Finding> = diesel::sql_query(query).load(&mut sqlite).map_err(|error| error.to_string())?;
    match findings.iter().map(|row| row.finding.as_str()).collect::<Vec<_>>()[..] {
        ["ok"] => Ok(()),
        _ => Err("the copy is damaged, and so may the database be".into()),
    }
}
