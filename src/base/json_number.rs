//! [`JsonNumber`]: a JSON number that is kept exactly. [`Literals`]: the numbers of a JSON text as they are written.
//!
//! JSON bounds no number ([RFC 8259, 6](https://www.rfc-editor.org/rfc/rfc8259#section-6)), and `serde_json` rounds
//! those that a double can't hold. A number is exact here if what is written later has the same value: an integer of 64
//! bits, signed or unsigned, or a decimal that is the shortest text of a double.

use serde_json::Number;

/// The message about an integer beyond 64 bits.
pub const BEYOND_64_BITS: &str = "must be from -9223372036854775808 to 18446744073709551615, the integers of 64 bits. \
                                  Send a larger one as text";
/// The message about any other number that would be rounded.
pub const INEXACT: &str = "can't be kept exactly: a number may have 15 digits, or up to 17 as a double is written, and \
                           must be within ±1.7976931348623157e308. Send other numbers as text";

/// From here on, not each integer is a double.
const EXACT_DOUBLES_END: f64 = 9_007_199_254_740_992.0;

/// A number with its exact value. No value has two forms, except that integers below 2^53 may also be [`Self::Real`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum JsonNumber {
    Integer(i64),
    /// Above `i64::MAX`.
    Unsigned(u64),
    /// Finite, and never -0.
    Real(f64),
}

impl JsonNumber {
    /// Reads a number as it is written in JSON. `None` if the text is no such number.
    ///
    /// # Errors
    /// The rule that the number breaks: it would be rounded.
    pub fn parse(literal: &str) -> Option<Result<Self, &'static str>> {
        let exact = Decimal::of(literal)?;
        let is_integer = is_integer(literal);
        Some(match exact.integer() {
            Some(integer) if is_integer || integer.as_double().abs() >= EXACT_DOUBLES_END => Ok(integer),
            integer => {
                let double = literal.parse().ok().filter(|double: &f64| double.is_finite());
                let kept = double.filter(|double| Decimal::of(&format!("{double:e}")).as_ref() == Some(&exact));
                match kept {
                    // Without the sign of -0, which PostgreSQL does not keep.
                    Some(double) => Ok(Self::Real(double + 0.0)),
                    None if is_integer && integer.is_none() => Err(BEYOND_64_BITS),
                    None => Err(INEXACT),
                }
            }
        })
    }

    /// Takes a stored number.
    pub fn of(number: &Number) -> Self {
        match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Self::Integer(integer),
            (None, Some(integer)) => Self::Unsigned(integer),
            (None, None) => Self::Real(number.as_f64().unwrap_or_default() + 0.0),
        }
    }

    /// Returns whether it is an integer that 64 bits can't hold.
    pub fn is_beyond_64_bits(self) -> bool {
        matches!(self, Self::Real(double) if double.abs() >= EXACT_DOUBLES_END)
    }

    /// Returns the nearest double.
    #[expect(clippy::cast_precision_loss, reason = "that is what is asked for")]
    pub fn as_double(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Unsigned(integer) => integer as f64,
            Self::Real(double) => double,
        }
    }
}

impl From<JsonNumber> for serde_json::Value {
    fn from(number: JsonNumber) -> Self {
        match number {
            JsonNumber::Integer(integer) => integer.into(),
            JsonNumber::Unsigned(integer) => integer.into(),
            JsonNumber::Real(double) => double.into(),
        }
    }
}

/// Writes the number as JSON has it.
impl std::fmt::Display for JsonNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        serde_json::Value::from(*self).fmt(f)
    }
}

/// Returns whether a number is written without a fraction and an exponent.
pub fn is_integer(literal: &str) -> bool {
    !literal.contains(['.', 'e', 'E'])
}

/// The numbers of a JSON text in their order, as they are written.
pub struct Literals<'t> {
    rest: &'t [u8],
}

impl<'t> Literals<'t> {
    pub fn of(json: &'t [u8]) -> Self {
        Self { rest: json }
    }
}

impl<'t> Iterator for Literals<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        loop {
            let start = self.rest.iter().position(|b| *b == b'"' || *b == b'-' || b.is_ascii_digit())?;
            let (first, after) = (self.rest[start], &self.rest[start + 1..]);
            if first == b'"' {
                self.rest = after_string(after);
                continue;
            }
            let is_part = |b: &u8| b.is_ascii_digit() || b"+-.eE".contains(b);
            let length = after.iter().position(|b| !is_part(b)).unwrap_or(after.len()) + 1;
            let (literal, rest) = self.rest[start..].split_at(length);
            self.rest = rest;
            return std::str::from_utf8(literal).ok();
        }
    }
}

/// Returns what comes after the end of a string, from behind its first quotation mark.
fn after_string(mut text: &[u8]) -> &[u8] {
    loop {
        match text.iter().position(|b| *b == b'"' || *b == b'\\') {
            None => return &[],
            Some(end) if text[end] == b'"' => return &text[end + 1..],
            Some(escape) => text = text.get(escape + 2..).unwrap_or_default(),
        }
    }
}

/// The value of a decimal text. Equal values are equal.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    /// Without zeros at the start and at the end; empty for 0.
    digits: String,
    /// The power of ten of the last digit.
    exponent: i64,
}

impl Decimal {
    /// Reads a number in JSON's form.
    fn of(literal: &str) -> Option<Self> {
        let (is_negative, rest) = literal.strip_prefix('-').map_or((false, literal), |rest| (true, rest));
        let (mantissa, exponent) = rest.split_once(['e', 'E']).map_or((rest, None), |(m, e)| (m, Some(e)));
        let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let power = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
        let is_well_formed = are_digits(whole)
            && (whole == "0" || !whole.starts_with('0'))
            && fraction.is_none_or(are_digits)
            && power.is_none_or(are_digits);
        if !is_well_formed {
            return None;
        }
        let fraction = fraction.unwrap_or_default();
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let digits = significant.trim_end_matches('0');
        if digits.is_empty() {
            return Some(Self { is_negative: false, digits: String::new(), exponent: 0 });
        }
        let sign = if exponent.is_some_and(|text| text.starts_with('-')) { -1 } else { 1 };
        // An exponent beyond 64 bits is as good as one at their end: no double has either.
        let power = power.map_or(0, |text| sign * text.parse().unwrap_or(i64::MAX));
        let cut = i64::try_from(significant.len() - digits.len()).ok()?;
        let scale = i64::try_from(fraction.len()).ok()?;
        let exponent = power.saturating_add(cut).saturating_sub(scale);
        Some(Self { is_negative, digits: digits.to_owned(), exponent })
    }

    /// Returns the value if it is an integer of 64 bits.
    fn integer(&self) -> Option<JsonNumber> {
        let zeros = usize::try_from(self.exponent).ok().filter(|zeros| zeros + self.digits.len() <= 20)?;
        let sign = if self.is_negative { "-" } else { "" };
        let text = format!("{sign}{}{}", if self.digits.is_empty() { "0" } else { &self.digits }, "0".repeat(zeros));
        let signed = text.parse().map(JsonNumber::Integer);
        signed.ok().or_else(|| text.parse().ok().map(JsonNumber::Unsigned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_is_exact_or_refused() {
        use JsonNumber::{Integer, Real, Unsigned};
        for (literal, expected) in [
            ("0", Integer(0)),
            ("-0", Integer(0)),
            ("-0.0", Real(0.0)),
            ("1.0", Real(1.0)),
            ("9223372036854775807", Integer(i64::MAX)),
            ("-9223372036854775808", Integer(i64::MIN)),
            ("9223372036854775808", Unsigned(1 << 63)),
            ("18446744073709551615", Unsigned(u64::MAX)),
            ("844197938335842305.000", Integer(844_197_938_335_842_305)),
            ("8.44197938335842305E+17", Integer(844_197_938_335_842_305)),
            ("1e19", Unsigned(10_000_000_000_000_000_000)),
            ("1e20", Real(1e20)),
            ("100000000000000000000", Real(1e20)),
            ("0.1", Real(0.1)),
            ("0.10000", Real(0.1)),
            ("0.30000000000000004", Real(0.300_000_000_000_000_04)),
            ("5e-324", Real(5e-324)),
            ("1.7976931348623157e308", Real(f64::MAX)),
            ("0e999999999999999999999", Real(0.0)),
        ] {
            assert_eq!(JsonNumber::parse(literal), Some(Ok(expected)), "{literal}");
        }
        for (literal, rule) in [
            ("18446744073709551616", BEYOND_64_BITS),
            ("-9223372036854775809", BEYOND_64_BITS),
            ("100000000000000000001", BEYOND_64_BITS),
            ("0.10000000000000000555", INEXACT),
            ("9007199254740993.5", INEXACT),
            ("1e400", INEXACT),
            ("1e-400", INEXACT),
            ("1e999999999999999999999", INEXACT),
            ("1e-999999999999999999999", INEXACT),
            ("18446744073709551616.0", INEXACT),
        ] {
            assert_eq!(JsonNumber::parse(literal), Some(Err(rule)), "{literal}");
        }
        for no_number in ["", "-", "01", "+1", "1.", ".1", "1e", "1e+", "0x1", " 1", "1 ", "inf", "NaN", "1_000", "--1"]
        {
            assert_eq!(JsonNumber::parse(no_number), None, "{no_number}");
        }
    }

    #[test]
    fn numbers_in_texts_are_no_literals() {
        let json = br#"{"1":[2,-3.5e+7,"4\"5\\"],"\\":6,"7":true}8"#;
        assert_eq!(Literals::of(json).collect::<Vec<_>>(), ["2", "-3.5e+7", "6", "8"]);
        for cut in 0..json.len() {
            assert!(Literals::of(&json[..cut]).count() <= 4);
        }
    }

    proptest! {
        #[test]
        fn each_integer_of_64_bits_and_each_double_is_exact(integer: i64, unsigned: u64, double: f64) {
            for number in [JsonNumber::Integer(integer), JsonNumber::of(&unsigned.into())] {
                prop_assert_eq!(JsonNumber::parse(&number.to_string()), Some(Ok(number)));
            }
            let real = JsonNumber::Real(double + 0.0);
            let again = JsonNumber::parse(&real.to_string()).and_then(Result::ok).map(JsonNumber::as_double);
            prop_assert_eq!(again, Some(double + 0.0));
        }

        #[test]
        fn a_number_that_is_accepted_is_written_with_the_same_value(
            literal in "-?(0|[1-9][0-9]{0,22})(\\.[0-9]{1,20})?(e-?[0-9]{1,3})?"
        ) {
            if let Some(Ok(number)) = JsonNumber::parse(&literal) {
                prop_assert_eq!(Decimal::of(&number.to_string()), Decimal::of(&literal));
            }
        }
    }
}
