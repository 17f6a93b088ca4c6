//! A time, or an age.

use std::str::FromStr;

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};

use crate::base::exit::usage;
use crate::base::ui;

/// Such as `2026-02-01T12:00:00Z` or `2h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeOrAge {
    Ago(SignedDuration),
    At(Timestamp),
}

impl FromStr for TimeOrAge {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        ui::age(text).map(Self::Ago).map_err(|_| {
            "it is neither a time such as 2026-02-01T12:00:00Z nor an age such as 10m".to_owned()
        })
    }
}

impl TimeOrAge {
    /// Counts an age back from `now`.
    pub(crate) fn before(self, now: Timestamp) -> Result<Timestamp> {
        match self {
            Self::At(time) => Ok(time),
            Self::Ago(age) => now.checked_sub(age).map_err(|error| usage(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_or_an_age_is_read() {
        let now: Timestamp = "2026-02-01T12:00:00Z".parse().expect("a time");
        let before = |text: &str| {
            let moment = text.parse::<TimeOrAge>().expect(text);
            moment.before(now).expect(text).to_string()
        };
        assert_eq!(before("2026-01-01T00:00:00+01:00"), "2025-12-31T23:00:00Z");
        assert_eq!(before("10m"), "2026-02-01T11:50:00Z");
        assert_eq!(before("1d"), "2026-01-31T12:00:00Z");
        for wrong in ["soon", "-1h", ""] {
            let error = wrong.parse::<TimeOrAge>().expect_err(wrong);
            assert!(error.contains("neither a time such as"), "{error}");
        }
        assert!("9000y".parse::<TimeOrAge>().map_or(true, |moment| moment.before(now).is_err()));
    }
}
