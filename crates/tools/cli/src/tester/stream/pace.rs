//! When a recording's events are sent again.

use std::str::FromStr;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ReplayPace {
    /// Relative to the recording.
    Times(f64),
    /// Without waiting.
    Max,
}

impl FromStr for ReplayPace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "original" => Ok(Self::Times(1.0)),
            "max" => Ok(Self::Max),
            number => match number.trim_end_matches('x').parse::<f64>() {
                Ok(times) if times.is_finite() && times > 0.0 => Ok(Self::Times(times)),
                _ => Err("expected original, max, or a factor such as 10 or 0.5".to_owned()),
            },
        }
    }
}
