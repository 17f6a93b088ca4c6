//! The settings of the service `location`.

use clap::Args;
use jiff::SignedDuration;

/// In seconds. A driver who was not seen for longer is not found.
pub(crate) const SILENCE: u32 = 2 * 60;

/// The settings of location, besides those of every service.
#[derive(Debug, Clone, Copy, Args)]
pub struct LocationSettings {
    /// The seconds after which a driver who was not seen gets no offers.
    #[arg(long, env = "DRIVER_SILENCE_SECONDS", default_value_t = SILENCE, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=24 * 60 * 60))]
    pub driver_silence_seconds: u32,
}

impl Default for LocationSettings {
    fn default() -> Self {
        Self { driver_silence_seconds: SILENCE }
    }
}

impl LocationSettings {
    /// Returns the time after which an unseen driver is not found.
    #[must_use]
    pub fn silence(&self) -> SignedDuration {
        SignedDuration::from_secs(self.driver_silence_seconds.into())
    }
}
