//! Times and sizes as people write them: `500ms`, `10s`, `16KiB`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Span(pub(crate) Duration);

/// A length of time, or none: `0s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Delay(pub(crate) Duration);

/// A number of bytes, above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct ByteSize(pub(crate) usize);

/// No time.
const NONE: &str = "0s";
const DAY: u64 = 24 * 60 * 60 * 1000;
const TIMES: [(&str, u64); 5] =
    [("d", DAY), ("h", 60 * 60 * 1000), ("m", 60 * 1000), ("s", 1000), ("ms", 1)];
const SIZES: [(&str, u64); 3] = [("MiB", 1024 * 1024), ("KiB", 1024), ("B", 1)];

/// A whole number and a unit. `None` if it is neither, zero or too big.
fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor).filter(|value| *value > 0)
}

/// Writes the value in the largest unit that divides it.
fn show(value: u64, units: &[(&str, u64)]) -> String {
    let fits = units.iter().find(|(_, factor)| value.is_multiple_of(*factor));
    fits.map_or_else(|| value.to_string(), |(name, factor)| format!("{}{name}", value / factor))
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let millis = parse(&text, &TIMES).filter(|millis| *millis <= 366 * DAY);
        millis.map(|millis| Self(Duration::from_millis(millis))).ok_or_else(|| {
            format!("expected a time like \"500ms\", \"10s\", \"5m\" or \"24h\", found {text:?}")
        })
    }
}

impl TryFrom<String> for Delay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == NONE {
            return Ok(Self(Duration::ZERO));
        }
        Span::try_from(text).map(|span| Self(span.0))
    }
}

impl FromStr for Delay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for ByteSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes = parse(&text, &SIZES).and_then(|bytes| usize::try_from(bytes).ok());
        bytes.map(Self).ok_or_else(|| {
            format!("expected a size like \"512B\", \"16KiB\" or \"1MiB\", found {text:?}")
        })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        f.write_str(&show(millis, &TIMES))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show(self.0 as u64, &SIZES))
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl From<Delay> for String {
    fn from(delay: Delay) -> Self {
        if delay.0.is_zero() { NONE.to_owned() } else { Span(delay.0).into() }
    }
}

impl From<ByteSize> for String {
    fn from(size: ByteSize) -> Self {
        size.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_read_and_shown() {
        for text in ["1ms", "1500ms", "10s", "5m", "36h", "7d", "1d"] {
            let span = Span::try_from(text.to_owned());
            assert_eq!(span.map(|span| span.to_string()), Ok(text.to_owned()));
        }
        for text in ["1B", "1500B", "16KiB", "1MiB"] {
            let size = ByteSize::try_from(text.to_owned());
            assert_eq!(size.map(|size| size.to_string()), Ok(text.to_owned()));
        }
        for text in ["0s", "5s"] {
            let delay = Delay::try_from(text.to_owned());
            assert_eq!(delay.map(String::from), Ok(text.to_owned()));
        }
        for text in ["", "10", "s", "0s", "-1s", "1.5s", "10 s", "10S", "9999999d", "400d"] {
            assert!(Span::try_from(text.to_owned()).is_err(), "{text:?}");
        }
        for text in ["", "10", "0B", "1mb", "99999999999999999999MiB"] {
            assert!(ByteSize::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }
}
