//! Detects whether a connection to PostgreSQL has a session of its own, or leads through a pooler that shares sessions.
//!
//! A session gets a random name as a start-up parameter. A pooler that shares sessions refuses or drops the parameter.

use crate::base::sql::DatabaseUrl;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

/// Returns the URL for a session of that name, which has only letters, digits and `_`.
pub fn with_session_name(url: &DatabaseUrl, name: &str) -> DatabaseUrl {
    let DatabaseUrl::Postgres(text) = url else { return url.clone() };
    let (address, query) = text.split_once('?').unwrap_or((text, ""));
    let mut own = format!("-c%20keyward.node%3D{name}");
    let mut kept: Vec<String> = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.strip_prefix("options=") {
            Some(options) => own = format!("{options}%20{own}"),
            None => kept.push(parameter.to_owned()),
        }
    }
    kept.push(format!("options={own}"));
    DatabaseUrl::Postgres(format!("{address}?{}", kept.join("&")))
}

/// Returns whether opening failed because a pooler does not accept the name of a session.
pub fn refuses_names(error: &diesel::r2d2::Error) -> bool {
    error.to_string().contains("startup parameter")
}

#[derive(QueryableByName)]
struct SessionName {
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
}

/// Returns whether this session was opened with that name.
///
/// # Errors
/// Those of the database.
pub fn has_name(conn: &mut PgConnection, name: &str) -> QueryResult<bool> {
    let row: SessionName =
        diesel::sql_query("SELECT current_setting('keyward.node', true) AS name").get_result(conn)?;
    Ok(row.name.as_deref() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_name_is_added_to_whatever_the_url_says() {
        let named = |url: &str| match with_session_name(&url.parse().unwrap(), "node_1") {
            DatabaseUrl::Postgres(url) => url,
            DatabaseUrl::Sqlite(_) => unreachable!(),
        };
        let own = "-c%20keyward.node%3Dnode_1";
        assert_eq!(named("postgres://h/db"), format!("postgres://h/db?options={own}"));
        assert_eq!(
            named("postgres://h/db?sslmode=require&options=endpoint%3Dx&tcp_user_timeout=9"),
            format!("postgres://h/db?sslmode=require&tcp_user_timeout=9&options=endpoint%3Dx%20{own}")
        );
    }
}
