//! The counts of analytics on real servers. Heartbeats and ends come as playback sends them; the answers are those
//! that people get.

mod playback;

use ballet_testkit::TestSystem;
use jiff::SignedDuration;
use serde_json::{Value, json};
use streaming_events::playback::{EndReason, PlaybackEnded, PlaybackStarted};
use streaming_events::{SessionId, TitleId};
use uuid::Uuid;

use crate::playback::TestSession;

const WATCHED: &str =
    "select coalesce(sum(watched_seconds + corrected_seconds), 0)::bigint from title_hour";

async fn system(test: &str) -> TestSystem {
    TestSystem::new(test, vec![analytics::Analytics::service(), playback::service()]).await
}

async fn until_watched(system: &TestSystem, seconds: i64) {
    system.until("analytics", WATCHED, seconds).await;
}

async fn end(system: &TestSystem, session: &TestSession, watched_seconds: u32) {
    let ended = PlaybackEnded {
        session_id: SessionId(session.session_id),
        title_id: TitleId(session.title_id),
        reason: EndReason::Stopped,
        started_at: session.began,
        ended_at: system.handle(0).now(),
        watched_seconds,
        position_seconds: watched_seconds,
    };
    system.publish(session.session_id, &ended).await;
}

#[tokio::test]
async fn minutes_are_what_sessions_were_watched_whatever_comes_twice_late_or_not_at_all() {
    let system = system("minutes").await;
    let (one, other) = (TestSession::new(&system), TestSession::new(&system));
    let started = PlaybackStarted {
        session_id: SessionId(one.session_id),
        title_id: TitleId(one.title_id),
        started_at: one.began,
        until: one.began + SignedDuration::from_hours(4),
    };
    // What is said twice counts once.
    system.publish(one.session_id, &started).await;
    system.publish(one.session_id, &started).await;
    for (number, watched) in [(1, 10), (3, 30), (2, 20), (3, 30)] {
        one.beat(&system, number, watched).await;
    }
    other.beat(&system, 1, 7).await;
    until_watched(&system, 37).await;
    // Another viewer of the title in the same minute.
    let second = TestSession { session_id: system.new_id(), ..one };
    let started = PlaybackStarted { session_id: SessionId(second.session_id), ..started };
    system.publish(second.session_id, &started).await;
    second.beat(&system, 1, 6).await;
    until_watched(&system, 43).await;

    // The end has the last word: one session lacks its last heartbeat, the other has one too many.
    end(&system, &one, 40).await;
    end(&system, &one, 40).await;
    end(&system, &other, 5).await;
    until_watched(&system, 51).await;
    one.beat(&system, 4, 44).await;
    let counted =
        format!("select number from session_count where session_id = '{}'", one.session_id);
    system.until("analytics", &counted, 4).await;
    assert_eq!(system.value::<i64>("analytics", WATCHED).await, 51);
    assert_eq!(system.value::<i64>("analytics", "select count(*) from ballet.failure").await, 0);

    let hours = get(&system, &format!("/watched/{}/hours", one.title_id)).await;
    let sum = |field: &str| {
        let hours = hours["items"].as_array().expect("hours").iter();
        hours.map(|hour| hour[field].as_i64().expect("a number")).sum::<i64>()
    };
    assert_eq!((sum("watched_seconds"), sum("views"), sum("peak_viewers")), (46, 2, 2), "{hours}");
    system.close(0).await;
}

#[tokio::test]
async fn what_comes_when_its_hour_is_closed_is_a_correction_that_people_see() {
    let system = system("late").await;
    let mut session = TestSession::new(&system);
    session.began = system.handle(0).now() - SignedDuration::from_hours(5);
    session.beat(&system, 1, 60).await;
    until_watched(&system, 60).await;
    let hours = get(&system, &format!("/watched/{}/hours", session.title_id)).await;
    assert_eq!(hours["items"][0]["corrected_seconds"], 60, "{hours}");
    // Postgres has no such time.
    let path = format!("/watched/{}/hours?after=-009998-01-01T00:00:00Z", session.title_id);
    get(&system, &path).await;
    system.close(0).await;
}

#[tokio::test]
async fn the_most_watched_come_first_and_are_a_few_seconds_old_at_most() {
    let system = system("most").await;
    let (one, other) = (TestSession::new(&system), TestSession::new(&system));
    one.beat(&system, 1, 10).await;
    other.beat(&system, 1, 30).await;
    until_watched(&system, 40).await;
    for window in ["hour", "day"] {
        let ranking = get(&system, &format!("/most-watched?window={window}&limit=1")).await;
        let titles = ranking["titles"].as_array().expect("titles");
        assert_eq!(titles.len(), 1, "{ranking}");
        let expected = json!({ "title_id": other.title_id, "name": null, "watched_seconds": 30 });
        assert_eq!(titles[0], expected);
    }
    for wrong in ["window=year", "limit=101"] {
        let (status, problem) = system.get("analytics", &format!("/most-watched?{wrong}")).await;
        assert_eq!(status, 400, "{problem}");
    }
    system.close(0).await;
}

async fn get(system: &TestSystem, path: &str) -> Value {
    let (status, body) = system.get("analytics", path).await;
    assert_eq!(status, 200, "{body}");
    body
}

pub(crate) fn new_title(system: &TestSystem) -> Uuid {
    system.new_id()
}
