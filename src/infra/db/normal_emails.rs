//! The Rust part of the migration `normal_emails`: fills `accounts.normal_email`, and reports accounts of one address.
//!
//! Older versions stored an address in Unicode's lower case, so one mailbox may have several accounts, and an account may
//! have a text that is no address. Neither is decided here: every account keeps its address and its sign-in. The reports
//! name accounts by id, since they are logged.

use crate::base::input::email::Email;
use crate::base::sql::Conn;
use crate::base::sql::schema::accounts;
use diesel::prelude::*;
use std::collections::BTreeMap;

/// What `run_pending` calls the migration: its version.
pub(super) const NAME: &str = "20261128030000";

/// How many accounts are read at once.
const BATCH: i64 = 1_000;

/// Fills the column. Returns a line for each address with several accounts, and for each account whose text is no
/// address. Reads all accounts; keeps only those of another form in memory.
pub(super) fn fill(conn: &mut Conn) -> QueryResult<Vec<String>> {
    let (older, mut notes) = accounts_of_older_forms(conn)?;
    for (normal, mut ids) in older {
        for id in &ids {
            diesel::update(accounts::table.find(id)).set(accounts::normal_email.eq(&normal)).execute(conn)?;
        }
        let of_that_form: Option<String> =
            accounts::table.filter(accounts::email.eq(&normal)).select(accounts::id).first(conn).optional()?;
        ids.extend(of_that_form);
        if ids.len() > 1 {
            notes.push(format!(
                "the accounts {} have the same address in several spellings; nothing was changed, and each can sign in as \
                 before",
                ids.join(", ")
            ));
        }
    }
    Ok(notes)
}

/// Accounts by the normal form of their addresses, which are stored in another form.
type ByNormalForm = BTreeMap<String, Vec<String>>;

fn accounts_of_older_forms(conn: &mut Conn) -> QueryResult<(ByNormalForm, Vec<String>)> {
    let (mut older, mut notes, mut last) = (ByNormalForm::new(), Vec::new(), String::new());
    loop {
        let rows: Vec<(String, String)> = accounts::table
            .filter(accounts::id.gt(&last))
            .select((accounts::id, accounts::email))
            .order(accounts::id)
            .limit(BATCH)
            .load(conn)?;
        let Some((id, _)) = rows.last() else { return Ok((older, notes)) };
        last.clone_from(id);
        for (id, email) in rows {
            match email.parse::<Email>() {
                Ok(normal) if normal.as_str() == email => {}
                Ok(normal) => older.entry(normal.into_string()).or_default().push(id),
                Err(_) => notes.push(format!(
                    "the account {id} has an address that no mail can be sent to; nothing was changed, and its owner can \
                     sign in as before"
                )),
            }
        }
    }
}
