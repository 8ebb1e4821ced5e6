//! Rows of `password_costs`: the costs that accounts' hashes may have. Each start adds its own, and removes those that no
//! account has any more.

use crate::base::error::ApiError;
use crate::base::sql::schema::{accounts, password_costs};
use crate::base::sql::{Conn, each};
use crate::domain::changes::Store;
use diesel::prelude::*;

/// Returns the costs of all hashes, and stores the current one.
pub(in crate::domain::identity::provider) async fn known(
    store: &Store,
    current: String,
) -> Result<Vec<String>, ApiError> {
    let own = current.clone();
    let unused = store.for_all_tenants().read(move |conn| unused(conn, &own)).await?;
    store
        .for_all_tenants()
        .write(move |conn| {
            diesel::delete(password_costs::table.filter(password_costs::cost.eq_any(&unused))).execute(conn)?;
            let row = password_costs::cost.eq(&current);
            each!(conn, |native| {
                diesel::insert_into(password_costs::table).values(row).on_conflict_do_nothing().execute(native)
            })?;
            all(conn)
        })
        .await
}

fn all(conn: &mut Conn) -> Result<Vec<String>, ApiError> {
    Ok(password_costs::table.select(password_costs::cost).load(conn)?)
}

/// Returns the costs that no account's hash has, besides the current one.
fn unused(conn: &mut Conn, current: &str) -> Result<Vec<String>, ApiError> {
    let mut unused = Vec::new();
    for cost in all(conn)?.into_iter().filter(|cost| cost != current) {
        let of_cost = accounts::table.filter(accounts::password_hash.like(format!("%${cost}$%")));
        let found: Option<String> = of_cost.select(accounts::id).first(conn).optional()?;
        if found.is_none() {
            unused.push(cost);
        }
    }
    Ok(unused)
}
