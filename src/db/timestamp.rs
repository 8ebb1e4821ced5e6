//! [`Timestamp`]: the instant as rows and the wire know it.

use super::connection::MultiBackend;
use super::sql_types::Timestamptz;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Duration;

/// A UTC instant in whole milliseconds: what the wire shows is exactly what the row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Timestamptz)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// The instant this many milliseconds after 1970; `None` outside chrono's 262,000 years.
    pub fn from_millis(milliseconds: i64) -> Option<Self> {
        DateTime::from_timestamp_millis(milliseconds).map(Self)
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// Whole seconds since 1970, rounded down: the unit of a JWT's times.
    pub fn seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// This instant and `duration` more; the last representable one if that overflows.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let moved = TimeDelta::from_std(duration).ok().and_then(|delta| self.0.checked_add_signed(delta));
        Self(moved.unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// This instant less `duration`; the first representable one if that overflows.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let moved = TimeDelta::from_std(duration).ok().and_then(|delta| self.0.checked_sub_signed(delta));
        Self(moved.unwrap_or(DateTime::<Utc>::MIN_UTC))
    }
}

impl From<DateTime<Utc>> for Timestamp {
    /// Cuts to milliseconds.
    fn from(time: DateTime<Utc>) -> Self {
        Self(DateTime::from_timestamp_millis(time.timestamp_millis()).unwrap_or(time))
    }
}

/// RFC 3339 in UTC, with milliseconds and `Z`.
impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// Any RFC 3339 time, of any offset, of the years 1970 to 9999: what both databases and every client can hold.
impl std::str::FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = DateTime::parse_from_rfc3339(text)
            .map_err(|_| "must be an RFC 3339 time, such as 2030-01-31T12:00:00Z".to_owned())?
            .to_utc();
        if !(0..253_402_300_800).contains(&time.timestamp()) {
            return Err("must lie between the years 1970 and 9999".into());
        }
        Ok(Self::from(time))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339, UTC, with milliseconds."))
            .examples(["2026-02-28T12:00:00.000Z"])
            .into()
    }
}
impl utoipa::ToSchema for Timestamp {}

impl ToSql<Timestamptz, Pg> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<diesel::sql_types::Timestamptz, Pg>::to_sql(&self.0, out)
    }
}

impl FromSql<Timestamptz, Pg> for Timestamp {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        FromSql::<diesel::sql_types::Timestamptz, Pg>::from_sql(value).map(Self)
    }
}

impl ToSql<Timestamptz, Sqlite> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.to_rfc3339_opts(SecondsFormat::Micros, true));
        Ok(IsNull::No)
    }
}

impl FromSql<Timestamptz, Sqlite> for Timestamp {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Sqlite>>::from_sql(value)?;
        Ok(Self(DateTime::parse_from_rfc3339(&text)?.to_utc()))
    }
}

impl diesel::sql_types::HasSqlType<Timestamptz> for MultiBackend {
    fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
        Self::lookup_sql_type::<Timestamptz>(lookup)
    }
}

impl ToSql<Timestamptz, MultiBackend> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
        out.set_value((Timestamptz, self));
        Ok(IsNull::No)
    }
}

impl FromSql<Timestamptz, MultiBackend> for Timestamp {
    fn from_sql(value: super::connection::MultiRawValue<'_>) -> deserialize::Result<Self> {
        value.from_sql::<Self, Timestamptz>()
    }
}
