//! SQL types that diesel has for one backend only, defined once for both.

/// `TIMESTAMPTZ` in PostgreSQL; in SQLite RFC 3339 text in UTC with microseconds, which sorts as time does.
#[derive(Clone, Copy, Debug, Default, diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Timestamptz;

impl diesel::sql_types::SqlOrd for Timestamptz {}

// `table!` requires arithmetic of any type of this name, because PostgreSQL's own type has it.
impl diesel::sql_types::ops::Add for Timestamptz {
    type Rhs = diesel::sql_types::Interval;
    type Output = Self;
}
impl diesel::sql_types::ops::Sub for Timestamptz {
    type Rhs = diesel::sql_types::Interval;
    type Output = Self;
}

/// `JSONB` in PostgreSQL; JSON text in SQLite.
#[derive(Clone, Copy, Debug, Default, diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 3802, array_oid = 3807))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Jsonb;
