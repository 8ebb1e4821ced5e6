//! Durations in configuration: a whole number and a unit, such as `"30s"`.
//!
//! `humantime-serde` reads more: `"1h 30m"`, `"2months"` of 30.44 days, `"1y"`. A setting has one spelling here, no unit whose
//! length varies, and none below a millisecond, which no setting counts in.

use serde::{Deserialize, Deserializer, Serializer, de::Error};
use std::time::Duration;

/// The longest duration, in milliseconds: 100 years. A moment so much later still has a year of four digits.
const MAX_MILLISECONDS: u64 = 36_500 * 86_400_000;
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (unit, size) = UNITS.iter().rev().find(|(_, size)| milliseconds.is_multiple_of(*size)).unwrap_or(&UNITS[0]);
    serializer.collect_str(&format_args!("{}{unit}", milliseconds / size))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Reads a duration such as `30s`.
///
/// # Errors
/// What it must be.
pub fn parse(text: &str) -> Result<Duration, String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = UNITS.iter().find(|(unit, _)| *unit == &text[number.len()..]);
    match (number.parse::<u64>(), unit) {
        (Ok(count), Some((_, size))) => match count.saturating_mul(*size) {
            milliseconds @ ..=MAX_MILLISECONDS => Ok(Duration::from_millis(milliseconds)),
            _ => Err(format!("{text:?} must be at most 36500d")),
        },
        _ => Err(format!("{text:?} must be a whole number and a unit: ms, s, m, h or d")),
    }
}
