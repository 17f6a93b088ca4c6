//! Withdrawals of titles while sessions play them, or start to.

use std::time::Duration;

use ballet_stage::wait_until;
use futures_util::future::join;
use reqwest::StatusCode;
use serde_json::{Value, json};
use streaming_events::titles::TitleLicensesRevoked;

use crate::world::StreamingWorld;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_ends_what_plays_or_starts() {
    let world = StreamingWorld::open("withdrawal").await;
    a_withdrawal_ends_what_is_watched_of_the_title(&world).await;
    s7_a_session_that_starts_during_the_withdrawal_is_refused_or_ended(&world).await;
    world.system.close(0).await;
}

async fn a_withdrawal_ends_what_is_watched_of_the_title(world: &StreamingWorld) {
    let (home, title) = (world.home("family", 3).await, world.any_title().await);
    let other = world.any_title().await;
    let (first, second) = (world.play(&home, 0, &title).await, world.play(&home, 1, &title).await);
    let stays = world.play(&home, 2, &other).await;
    let path = format!("/titles/{title}");
    let both = join(world.delete("titles", &path), world.delete("titles", &path));
    let (one, other) = world.system.meeting(("titles", "title"), 2, both).await;
    let statuses = [one.0.min(other.0), one.0.max(other.0)];
    assert_eq!(statuses, [StatusCode::ACCEPTED, StatusCode::GONE]);
    for session in [&first, &second] {
        world.over(session, "ended", "withdrawn").await;
    }
    world.until(&stays, "playing").await;
    let revoked = world.system.all_events::<TitleLicensesRevoked>().await;
    assert_eq!(revoked.iter().map(|revoked| revoked.sessions).collect::<Vec<_>>(), [2]);
    let late = world.request(&home, 0, &title).await;
    world.over(&late, "refused", "withdrawn").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_title_that_was_withdrawn_is_no_longer_among_the_most_watched() {
    let world = StreamingWorld::whole("withdrawn_rank").await;
    let (home, title) = (world.home("family", 1).await, world.any_title().await);
    let session = world.play(&home, 0, &title).await;
    let older = "update session set started_at = started_at - interval '1 hour'";
    world.system.execute("playback", older).await;
    assert_eq!(world.beat(&session, 1, 60).await.0, StatusCode::OK);
    let shows = async |expected: Value| {
        let looks = || async {
            let (_, ranking) = world.system.get("analytics", "/most-watched").await;
            let names: Vec<&Value> =
                ranking["titles"].as_array().into_iter().flatten().map(|it| &it["name"]).collect();
            if json!(names) == expected { Ok(Some(())) } else { Err(ranking.to_string()) }
        };
        let looked = wait_until("the ranking", Duration::from_secs(60), looks).await;
        looked.unwrap_or_else(|error| panic!("{error}"));
    };
    shows(json!(["The Harbour"])).await;
    // As many as the longest ranking shows, each watched for less time.
    let others = "insert into title_minute (title_id, minute, viewers, watched_seconds)
        select gen_random_uuid(), minute, 1, 1 from title_minute, generate_series(1, 100) limit 100";
    world.system.execute("analytics", others).await;
    let and = |first: Value| json!([vec![first], vec![Value::Null; 99]].concat());
    shows(and(json!("The Harbour"))).await;
    assert_eq!(world.delete("titles", &format!("/titles/{title}")).await.0, StatusCode::ACCEPTED);
    shows(and(Value::Null)).await;
    world.system.close(0).await;
}

async fn s7_a_session_that_starts_during_the_withdrawal_is_refused_or_ended(
    world: &StreamingWorld,
) {
    let home = world.home("family", 1).await;
    for _ in 0..5 {
        let title = world.any_title().await;
        let path = format!("/titles/{title}");
        let (session, (status, _)) =
            join(world.request(&home, 0, &title), world.delete("titles", &path)).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        let reason = "select count(*) from session
            where (status, reason) in (('refused', 'withdrawn'), ('ended', 'withdrawn'))
                and session_id = ";
        world.system.until("playback", &format!("{reason} '{session}'"), 1).await;
    }
    let live = format!("select live from account where account_id = '{}'", home.account);
    world.system.until("accounts", &live, 0).await;
    let live = "select count(*) from license where state = 'live'";
    world.system.until("titles", live, 1).await;
}
