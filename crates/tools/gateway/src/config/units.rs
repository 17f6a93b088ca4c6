//! Times and sizes as people write them: `500ms`, `10s`, `16KiB`.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Span(pub(crate) Duration);

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ByteSize(pub(crate) usize);

const DAY: u64 = 24 * 60 * 60 * 1000;
const TIMES: [(&str, u64); 5] =
    [("d", DAY), ("h", 60 * 60 * 1000), ("m", 60 * 1000), ("s", 1000), ("ms", 1)];
const SIZES: [(&str, u64); 3] = [("MiB", 1024 * 1024), ("KiB", 1024), ("B", 1)];

/// Reads a whole number and a unit.
fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let millis = parse(text, &TIMES).filter(|millis| *millis <= 366 * DAY);
        millis.map(|millis| Self(Duration::from_millis(millis))).ok_or_else(|| {
            format!("expected a time like \"500ms\", \"10s\", \"5m\" or \"24h\", found {text:?}")
        })
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_whole_numbers_of_a_unit() {
        for (text, millis) in [("0s", 0), ("1500ms", 1500), ("10s", 10_000), ("5m", 300_000)] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_millis(millis))));
        }
        for text in ["", "10", "s", "-1s", "1.5s", "10 s", "10S", "9999999d", "400d"] {
            assert!(text.parse::<Span>().is_err(), "{text:?}");
        }
        assert_eq!(ByteSize::try_from("16KiB".to_owned()), Ok(ByteSize(16 * 1024)));
        for text in ["", "10", "1mb", "99999999999999999999MiB"] {
            assert!(ByteSize::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }
}
