//! The settings of the service `playback`.

use clap::Args;
use jiff::SignedDuration;

/// The settings of playback, besides those of every service.
#[derive(Debug, Clone, Copy, Args)]
pub struct PlaybackSettings {
    /// The seconds within which a session must start. Then it is refused.
    #[arg(long, env = "START_DEADLINE_SECONDS", default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..=3600))]
    pub start_deadline_seconds: i64,

    /// The seconds between two heartbeats of a session. A session that is lost after less than three of them is asked
    /// for more.
    #[arg(long, env = "HEARTBEAT_SECONDS", default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..=3600))]
    pub heartbeat_seconds: i64,

    /// The seconds without a heartbeat after which a session is lost.
    #[arg(long, env = "LOST_AFTER_SECONDS", default_value_t = 35, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(3..=86400))]
    pub lost_after_seconds: i64,
}

impl Default for PlaybackSettings {
    fn default() -> Self {
        Self { start_deadline_seconds: 30, heartbeat_seconds: 10, lost_after_seconds: 35 }
    }
}

impl PlaybackSettings {
    pub(crate) const fn start_deadline(&self) -> SignedDuration {
        SignedDuration::from_secs(self.start_deadline_seconds)
    }

    pub(crate) const fn lost_after(&self) -> SignedDuration {
        SignedDuration::from_secs(self.lost_after_seconds)
    }

    /// The interval of heartbeats in seconds. Two heartbeats may be lost.
    pub(crate) fn next_in_seconds(&self) -> i64 {
        self.heartbeat_seconds.min(self.lost_after_seconds / 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s5_a_device_that_does_as_it_is_told_may_lose_two_heartbeats() {
        for (heartbeat_seconds, lost_after_seconds, next) in [(10, 10, 3), (10, 35, 10), (10, 3, 1)]
        {
            let settings = PlaybackSettings {
                heartbeat_seconds,
                lost_after_seconds,
                ..PlaybackSettings::default()
            };
            assert_eq!(settings.next_in_seconds(), next);
            assert!(3 * next <= lost_after_seconds, "the third may come in time");
        }
    }
}
