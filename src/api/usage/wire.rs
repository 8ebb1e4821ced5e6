//! Usage over HTTP.

use crate::base::time::Timestamp;
use crate::domain::usage::period::{Interval, Period};
use crate::domain::usage::{Hour, Tally};
use serde::Serialize;

/// The requests of one hour or day.
#[derive(Serialize, utoipa::ToSchema)]
pub struct UsageBucket {
    /// When the hour or day begins, in UTC.
    start: Timestamp,
    /// Let through, whatever became of them then.
    #[schema(example = 1041)]
    admitted: u64,
    /// Refused with 429 by the plan's rate limits.
    #[schema(example = 12)]
    limited: u64,
    /// Refused with 401 or 403.
    #[schema(example = 0)]
    refused: u64,
}

/// How many requests there were, bucket by bucket, oldest first. None is missing: where nothing was, the counts are 0.
#[derive(Serialize, utoipa::ToSchema)]
pub struct UsageSeries {
    /// How long a bucket is.
    interval: Interval,
    data: Vec<UsageBucket>,
}

impl UsageSeries {
    /// Sums hourly counts into the buckets of a period. Counts of other hours are ignored.
    pub(super) fn new(period: &Period, counts: impl IntoIterator<Item = (Hour, Tally)>) -> Self {
        let mut tallies: Vec<(Hour, Tally)> = period.buckets().map(|hour| (hour, Tally::default())).collect();
        for (hour, more) in counts {
            if let Some((_, tally)) = period.bucket_of(hour).and_then(|place| tallies.get_mut(place)) {
                *tally += more;
            }
        }
        let bucket = |(hour, tally): (Hour, Tally)| UsageBucket {
            start: hour.start(),
            admitted: tally.admitted,
            limited: tally.limited,
            refused: tally.refused,
        };
        Self { interval: period.interval, data: tallies.into_iter().map(bucket).collect() }
    }
}
