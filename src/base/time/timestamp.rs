//! [`Timestamp`]: the instant in rows and on the wire.

use crate::base::sql::MultiBackend;
use crate::base::sql::sql_types::Timestamptz;
use chrono::{DateTime, Datelike, SecondsFormat, Timelike, Utc};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::num::NonZeroU64;
use std::time::Duration;

/// A UTC instant in whole milliseconds, within chrono's 262,000 years. Rows and the wire have the same precision.
///
/// It is a number, so that a comparison is one instruction, and never zero, so that an `Option` takes no more room: a
/// node holds hundreds of thousands of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Timestamptz)]
pub struct Timestamp(NonZeroU64);

/// Added to the milliseconds since 1970. The order stays, and the instant that would be zero is before chrono's first
/// year.
const BIAS: u64 = 1 << 63;

impl Timestamp {
    /// The first moment of 1970.
    pub const EPOCH: Self = match Self::from_millis(0) {
        Some(epoch) => epoch,
        None => unreachable!(),
    };

    /// Returns the instant this many milliseconds after 1970; `None` outside chrono's 262,000 years.
    pub const fn from_millis(milliseconds: i64) -> Option<Self> {
        const FIRST: i64 = DateTime::<Utc>::MIN_UTC.timestamp_millis();
        const LAST: i64 = DateTime::<Utc>::MAX_UTC.timestamp_millis();
        if milliseconds < FIRST || milliseconds > LAST {
            return None;
        }
        match NonZeroU64::new(milliseconds as u64 ^ BIAS) {
            Some(biased) => Some(Self(biased)),
            None => None,
        }
    }

    /// Returns the milliseconds since 1970.
    pub const fn millis(self) -> i64 {
        (self.0.get() ^ BIAS) as i64
    }

    /// Returns the whole seconds since 1970, rounded down: the unit of a JWT's times.
    pub fn seconds(self) -> i64 {
        self.millis().div_euclid(1000)
    }

    /// Returns this instant plus `duration`; the last representable instant if that overflows.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self::from_millis(self.millis().saturating_add(millis_of(duration))).unwrap_or(DateTime::<Utc>::MAX_UTC.into())
    }

    /// Returns this instant minus `duration`; the first representable instant if that overflows.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self::from_millis(self.millis().saturating_sub(millis_of(duration))).unwrap_or(DateTime::<Utc>::MIN_UTC.into())
    }

    fn date_time(self) -> DateTime<Utc> {
        // Always within chrono's range.
        DateTime::from_timestamp_millis(self.millis()).unwrap_or_default()
    }
}

fn millis_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl From<DateTime<Utc>> for Timestamp {
    /// Truncates to milliseconds.
    fn from(time: DateTime<Utc>) -> Self {
        let biased = NonZeroU64::new(time.timestamp_millis() as u64 ^ BIAS);
        // chrono's first year is long after the instant that would be zero.
        Self(biased.unwrap_or(NonZeroU64::MIN))
    }
}

impl std::fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// RFC 3339 in UTC, with milliseconds and `Z`.
impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.date_time().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Timestamp {
    /// What `Display` writes, for the years 0 to 9999: digit by digit, and without an allocation.
    pub(crate) fn characters(self) -> Option<[u8; 24]> {
        let time = self.date_time();
        let year = u32::try_from(time.year()).ok().filter(|year| *year <= 9999)?;
        let millisecond = time.timestamp_subsec_millis();
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut write = |place: usize, digits: usize, mut number: u32| {
            for digit in text[place..place + digits].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        for (place, number) in
            [(5, time.month()), (8, time.day()), (11, time.hour()), (14, time.minute()), (17, time.second())]
        {
            write(place, 2, number);
        }
        write(0, 4, year);
        write(20, 3, millisecond);
        Some(text)
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
        let time = self.date_time();
        ToSql::<diesel::sql_types::Timestamptz, Pg>::to_sql(&time, &mut out.reborrow())
    }
}

impl FromSql<Timestamptz, Pg> for Timestamp {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let time: DateTime<Utc> = FromSql::<diesel::sql_types::Timestamptz, Pg>::from_sql(value)?;
        Ok(time.into())
    }
}

impl ToSql<Timestamptz, Sqlite> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.date_time().to_rfc3339_opts(SecondsFormat::Micros, true));
        Ok(IsNull::No)
    }
}

impl FromSql<Timestamptz, Sqlite> for Timestamp {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Sqlite>>::from_sql(value)?;
        Ok(DateTime::parse_from_rfc3339(&text)?.to_utc().into())
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
    fn from_sql(value: crate::base::sql::MultiRawValue<'_>) -> deserialize::Result<Self> {
        value.from_sql::<Self, Timestamptz>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_keep_their_number_their_order_and_the_room_of_one() {
        let all = [-62_135_596_800_000, -1, 0, 1, 1_772_280_000_123, 253_402_300_799_999];
        let instants: Vec<Timestamp> = all.iter().filter_map(|millis| Timestamp::from_millis(*millis)).collect();
        assert_eq!(instants.iter().map(|instant| instant.millis()).collect::<Vec<_>>(), all);
        assert!(instants.is_sorted());
        assert_eq!(instants[1].seconds(), -1);
        assert_eq!(instants[4].to_string(), "2026-02-28T12:00:00.123Z");
        assert_eq!(size_of::<Option<Timestamp>>(), 8);
    }

    #[test]
    fn a_moment_is_written_alike_by_both_hands() {
        // Each day of the years around leap days, at times of day that move; and where the years get too long.
        let days = (-800_000_i64..2_932_896).step_by(97).chain(10_950..11_350).chain(2_932_890..2_932_900);
        for day in days.chain([-95_000_000, 90_000_000]) {
            let moment = Timestamp::from_millis(day * 86_400_000 + (day * 7_654_321).rem_euclid(86_400_000)).unwrap();
            let digits = moment.characters().map(|text| String::from_utf8(text.to_vec()).unwrap());
            let is_usual = (0..=9999).contains(&moment.date_time().year());
            assert_eq!(digits, is_usual.then(|| moment.to_string()));
        }
    }

    #[test]
    fn sums_that_overflow_end_at_the_last_instant() {
        let now = Timestamp::from_millis(0).unwrap();
        assert_eq!(now.plus(Duration::MAX), DateTime::<Utc>::MAX_UTC.into());
        assert_eq!(now.minus(Duration::MAX), DateTime::<Utc>::MIN_UTC.into());
        assert_eq!((Timestamp::from_millis(i64::MAX), Timestamp::from_millis(i64::MIN)), (None, None));
        assert_eq!(now.plus(Duration::from_millis(5)).minus(Duration::from_millis(7)).millis(), -2);
    }
}
