//! [`Period`]: the hours or days of a usage query.

use super::tally::Hour;
use crate::base::error::ApiError;
use crate::base::sql::text_enum;
use crate::base::time::Timestamp;
use serde::Deserialize;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

text_enum! {
    /// The length of a bucket. Throttle begin with the hours and days of UTC.
    Interval {
        /// An hour.
        Hour = "hour",
        /// A day.
        Day = "day",
    }
}

impl Interval {
    /// Returns the length in hours.
    pub fn hours(self) -> u32 {
        match self {
            Self::Hour => 1,
            Self::Day => 24,
        }
    }

    /// The maximum number of days of one answer.
    fn most_days(self) -> u64 {
        match self {
            Self::Hour => 31,
            Self::Day => 366,
        }
    }

    /// The number of buckets when the query has no `from`.
    fn usual_buckets(self) -> u32 {
        match self {
            Self::Hour => 24,
            Self::Day => 30,
        }
    }
}

/// Which usage to tell.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UsageQuery {
    /// From when on: the bucket that this moment is in is the first one. Left out, the last 24 hours, or the last 30 days
    /// by day.
    from: Option<Timestamp>,
    /// Before when: the last bucket is the one that ends then, or later. Left out, now.
    to: Option<Timestamp>,
    /// How long a bucket is: `hour` covers at most 31 days, `day` at most 366.
    #[param(value_type = Option<Interval>, default = "hour")]
    interval: Option<Interval>,
}

/// Consecutive whole buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) interval: Interval,
    pub(crate) first: Hour,
    pub(crate) end: Hour,
}

impl UsageQuery {
    /// Returns the query's buckets.
    ///
    /// # Errors
    /// `validation_failed` for an empty or too long period.
    pub(crate) fn period(&self, now: Timestamp) -> Result<Period, ApiError> {
        let interval = self.interval.unwrap_or(Interval::Hour);
        let hours = interval.hours();
        let floor = |moment: Timestamp| Hour(Hour::of(moment).0 / hours * hours);
        // Timestamps are whole milliseconds.
        let ceiling = |moment: Timestamp| Hour(floor(moment.minus(Duration::from_millis(1))).0 + hours);
        let end = self.to.map_or(Hour(floor(now).0 + hours), ceiling);
        let Some(from) = self.from else {
            let first = Hour(end.0.saturating_sub(hours * interval.usual_buckets()));
            return Ok(Period { interval, first, end });
        };
        if from >= self.to.unwrap_or(end.start()) {
            let last = if self.to.is_some() { "to" } else { "the end of this hour or day: name a to, too" };
            return Err(ApiError::invalid("from", format!("must lie before {last}")));
        }
        // The current, incomplete bucket does not count towards the limit, so that "the last 31 days" is valid.
        let covered = self.to.unwrap_or(floor(now).start());
        if covered.minus(24 * HOUR * u32::try_from(interval.most_days()).unwrap_or(u32::MAX)) > from {
            let days = interval.most_days();
            let other = match interval {
                Interval::Hour => "; ask for less at once, or for interval=day",
                Interval::Day => "; ask for less at once",
            };
            let message = format!("must lie at most {days} days before to, with interval={interval}{other}");
            return Err(ApiError::invalid("from", message));
        }
        Ok(Period { interval, first: floor(from), end })
    }
}

impl Period {
    pub(crate) fn first(&self) -> Hour {
        self.first
    }

    /// The first hour after the period.
    pub(crate) fn end(&self) -> Hour {
        self.end
    }

    /// Returns the first hour of each bucket.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = Hour> {
        let step = usize::try_from(self.interval.hours()).unwrap_or(1);
        (self.first.0..self.end.0).step_by(step).map(Hour)
    }

    /// Returns the index of the bucket that contains the hour.
    pub(crate) fn bucket_of(&self, hour: Hour) -> Option<usize> {
        let is_inside = (self.first..self.end).contains(&hour);
        is_inside.then(|| ((hour.0 - self.first.0) / self.interval.hours()) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn query(from: Option<&str>, to: Option<&str>, interval: Interval) -> UsageQuery {
        UsageQuery { from: from.map(at), to: to.map(at), interval: Some(interval) }
    }

    fn covers(query: &UsageQuery) -> Result<(String, String, usize), String> {
        let period = query.period(at("2026-03-10T12:34:56Z")).map_err(|error| error.message.into_owned())?;
        let count = period.buckets().count();
        Ok((period.first().start().to_string(), period.end().start().to_string(), count))
    }

    fn expected(from: &str, to: &str, count: usize) -> Result<(String, String, usize), String> {
        Ok((at(from).to_string(), at(to).to_string(), count))
    }

    #[test]
    fn buckets_cover_what_was_asked_for_whole() {
        use Interval::{Day, Hour};
        let day = expected("2026-03-09T13:00:00Z", "2026-03-10T13:00:00Z", 24);
        assert_eq!(covers(&query(None, None, Hour)), day);
        let month = expected("2026-02-09T00:00:00Z", "2026-03-11T00:00:00Z", 30);
        assert_eq!(covers(&query(None, None, Day)), month);
        let inside = query(Some("2026-03-01T10:59:59.999Z"), Some("2026-03-01T11:00:00.001Z"), Hour);
        assert_eq!(covers(&inside), expected("2026-03-01T10:00:00Z", "2026-03-01T12:00:00Z", 2));
        let whole = query(Some("2026-03-01T10:00:00Z"), Some("2026-03-01T11:00:00Z"), Hour);
        assert_eq!(covers(&whole), expected("2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z", 1));
        let elsewhere = query(Some("2026-03-01T23:30:00-02:00"), None, Day);
        assert_eq!(covers(&elsewhere), expected("2026-03-02T00:00:00Z", "2026-03-11T00:00:00Z", 9));
        let first = query(None, Some("1970-01-01T00:00:00Z"), Hour);
        assert_eq!(covers(&first), expected("1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z", 1));
        let last = query(None, Some("9999-12-31T22:59:59.999Z"), Hour);
        assert_eq!(covers(&last), expected("9999-12-30T23:00:00Z", "9999-12-31T23:00:00Z", 24));
    }

    #[test]
    fn the_longest_periods_are_allowed_and_longer_ones_refused() {
        use Interval::{Day, Hour};
        let hours = covers(&query(Some("2026-02-07T12:00:00Z"), None, Hour));
        assert_eq!(hours, expected("2026-02-07T12:00:00Z", "2026-03-10T13:00:00Z", 31 * 24 + 1));
        assert!(covers(&query(Some("2026-02-07T11:59:59.999Z"), None, Hour)).is_err());
        let days = covers(&query(Some("2025-03-09T00:00:00Z"), None, Day));
        assert_eq!(days, expected("2025-03-09T00:00:00Z", "2026-03-11T00:00:00Z", 367));
        assert!(covers(&query(Some("2025-03-08T23:59:59.999Z"), None, Day)).is_err());
        let february = (Some("2026-02-01T00:00:00Z"), Some("2026-03-04T00:00:00Z"));
        assert_eq!(covers(&query(february.0, february.1, Hour)).map(|(.., count)| count), Ok(31 * 24));
        assert!(covers(&query(february.0, Some("2026-03-04T00:00:00.001Z"), Hour)).is_err());
    }

    #[test]
    fn a_period_without_a_moment_in_it_is_refused() {
        let moment = Some("2026-03-01T10:00:00Z");
        assert!(covers(&query(moment, moment, Interval::Hour)).is_err());
        assert!(covers(&query(Some("2026-03-01T10:00:00.001Z"), moment, Interval::Hour)).is_err());
        assert!(covers(&query(Some("2026-03-10T13:00:00Z"), None, Interval::Hour)).is_err());
        assert!(covers(&query(Some("2026-03-10T12:59:59.999Z"), None, Interval::Hour)).is_ok());
    }

    #[test]
    fn each_hour_has_its_bucket() {
        let period = query(Some("2026-03-01T00:00:00Z"), Some("2026-03-03T00:00:00Z"), Interval::Day);
        let period = period.period(at("2026-03-10T12:34:56Z")).unwrap();
        let bucket = |text: &str| period.bucket_of(Hour::of(at(text)));
        assert_eq!(bucket("2026-02-28T23:59:59Z"), None);
        assert_eq!(bucket("2026-03-01T00:00:00Z"), Some(0));
        assert_eq!(bucket("2026-03-01T23:59:59Z"), Some(0));
        assert_eq!(bucket("2026-03-02T00:00:00Z"), Some(1));
        assert_eq!(bucket("2026-03-03T00:00:00Z"), None);
    }
}
