//! Counts heartbeats into minutes, hours and sessions. The result does not depend on when they are counted, so
//! reading a stream again leads to the same rows.

use std::collections::{BTreeMap, HashMap};

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};
use streaming_events::playback::Heartbeat;
use streaming_events::{SessionId, TitleId};

/// The time for which an hour stays open after its end. Later heartbeats are corrections.
pub(crate) const LATENESS: SignedDuration = SignedDuration::from_hours(1);

/// The session's row holds no more, so its end could not correct counts beyond it.
const MOST: u32 = i32::MAX.unsigned_abs();

/// A heartbeat with the time at which playback received it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReceivedHeartbeat {
    pub(crate) heartbeat: Heartbeat,
    pub(crate) received: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionCount {
    pub(crate) title_id: TitleId,
    pub(crate) number: u32,
    pub(crate) watched_seconds: u32,
    pub(crate) minute: Timestamp,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Gain {
    pub(crate) viewers: i32,
    pub(crate) watched_seconds: i64,
}

#[derive(Debug, Default)]
pub(crate) struct HeartbeatCounts {
    pub(crate) sessions: HashMap<SessionId, SessionCount>,
    /// By minute and title, in the order in which the rows are locked.
    pub(crate) minutes: BTreeMap<(Timestamp, TitleId), Gain>,
    /// Late seconds, by hour and title.
    pub(crate) late: BTreeMap<(Timestamp, TitleId), i64>,
}

impl HeartbeatCounts {
    pub(crate) fn count(
        known: &HashMap<SessionId, SessionCount>,
        beats: &[ReceivedHeartbeat],
    ) -> Self {
        let mut counts = Self::default();
        for ReceivedHeartbeat { heartbeat, received } in beats {
            let session = heartbeat.session_id;
            let number = heartbeat.number.min(MOST);
            let watched = heartbeat.watched_seconds.min(MOST);
            let before = counts.sessions.get(&session).or_else(|| known.get(&session)).copied();
            // Counted before.
            if before.is_some_and(|before| before.number >= number) {
                continue;
            }
            let minute = floor(heartbeat.at, Unit::Minute);
            let gained = watched.saturating_sub(before.map_or(0, |it| it.watched_seconds));
            // A session has one title.
            let title_id = before.map_or(heartbeat.title_id, |before| before.title_id);
            let is_new_minute = before.is_none_or(|before| before.minute < minute);
            let hour = floor(heartbeat.at, Unit::Hour);
            let closes_at = hour + SignedDuration::from_hours(1) + LATENESS;
            if *received >= closes_at {
                *counts.late.entry((hour, title_id)).or_default() += i64::from(gained);
            } else {
                let gain = counts.minutes.entry((minute, title_id)).or_default();
                gain.viewers += i32::from(is_new_minute);
                gain.watched_seconds += i64::from(gained);
            }
            let counted = SessionCount {
                title_id,
                number,
                watched_seconds: watched.max(before.map_or(0, |it| it.watched_seconds)),
                minute: before.map_or(minute, |before| before.minute.max(minute)),
            };
            counts.sessions.insert(session, counted);
        }
        counts
    }
}

/// Rounds down to the minute or the hour.
pub(crate) fn floor(at: Timestamp, unit: Unit) -> Timestamp {
    // Minutes and hours are never too big for a time.
    at.round(TimestampRound::new().smallest(unit).mode(RoundMode::Floor)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn beat(session: u128, number: u32, watched_seconds: u32, second: i64) -> ReceivedHeartbeat {
        ReceivedHeartbeat {
            heartbeat: Heartbeat {
                session_id: SessionId(Uuid::from_u128(session)),
                title_id: TitleId(Uuid::nil()),
                number,
                position_seconds: watched_seconds,
                watched_seconds,
                at: at(second),
            },
            received: at(second + 1),
        }
    }

    fn total(counts: &HeartbeatCounts) -> (i32, i64, i64) {
        let minutes = counts.minutes.values();
        let viewers = minutes.clone().map(|gain| gain.viewers).sum();
        (viewers, minutes.map(|gain| gain.watched_seconds).sum(), counts.late.values().sum())
    }

    #[test]
    fn a_viewer_counts_once_a_minute() {
        let beats =
            [beat(1, 1, 10, 10), beat(2, 1, 10, 11), beat(1, 2, 70, 70), beat(1, 3, 80, 80)];
        let counts = HeartbeatCounts::count(&HashMap::new(), &beats);
        let viewers: Vec<i32> = counts.minutes.values().map(|gain| gain.viewers).collect();
        assert_eq!(viewers, [2, 1]);
    }

    #[test]
    fn what_comes_when_its_hour_is_closed_is_a_correction() {
        let mut late = beat(1, 1, 40, 0);
        let hour = floor(late.heartbeat.at, Unit::Hour);
        late.received = hour + SignedDuration::from_hours(2) - SignedDuration::from_secs(1);
        assert_eq!(total(&HeartbeatCounts::count(&HashMap::new(), &[late])), (1, 40, 0));
        late.received = hour + SignedDuration::from_hours(2);
        assert_eq!(total(&HeartbeatCounts::count(&HashMap::new(), &[late])), (0, 0, 40));
    }
}
