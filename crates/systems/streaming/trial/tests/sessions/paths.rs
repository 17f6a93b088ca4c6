//! The starts and ends of single sessions.

use jiff::SignedDuration;
use playback::config::PlaybackSettings;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::world::{Home, PATIENT, StreamingWorld};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn single_sessions_start_and_end() {
    let world = StreamingWorld::open("paths").await;
    a_session_plays_until_it_is_stopped_and_another_device_goes_on_where_it_was(&world).await;
    a_session_that_ends_before_its_first_sign_of_life_leaves_the_place_where_it_was(&world).await;
    s2_a_title_that_may_not_be_shown_is_refused_with_the_reason_and_the_slot_is_free(&world).await;
    s3_a_session_ends_with_its_license(&world).await;
    s3_a_sign_of_life_after_the_license_ended_is_refused_though_nothing_has_ended_the_session(
        &world,
    )
    .await;
    s4_a_device_that_is_gone_ends_what_it_plays(&world).await;
    what_was_said_first_ends_a_session(&world).await;
    a_session_that_is_asked_for_again_is_the_same(&world).await;
    s9_signs_of_life_may_be_doubled_and_out_of_order(&world).await;
    world.system.close(0).await;
}

async fn a_session_plays_until_it_is_stopped_and_another_device_goes_on_where_it_was(
    world: &StreamingWorld,
) {
    let (home, title) = (world.home("duo", 2).await, world.any_title().await);
    let session = world.play(&home, 0, &title).await;
    let (status, answer) = world.beat(&session, 1, 40).await;
    assert_eq!((status, &answer["next_in_seconds"]), (StatusCode::OK, &10.into()));
    let (_, positions) =
        world.system.get("playback", &format!("/positions/{}", home.account)).await;
    assert_eq!(positions["items"][0]["position_seconds"], 40, "{positions}");
    assert_eq!(world.stop(&session).await, StatusCode::ACCEPTED);
    world.over(&session, "ended", "stopped").await;
    assert_eq!(world.stop(&session).await, StatusCode::OK, "it was over before");
    let (_, positions) =
        world.system.get("playback", &format!("/positions/{}", home.account)).await;
    assert_eq!(positions["items"][0]["position_seconds"], 40, "{positions}");
}

async fn a_session_that_ends_before_its_first_sign_of_life_leaves_the_place_where_it_was(
    world: &StreamingWorld,
) {
    let (home, title) = (world.home("duo", 2).await, world.any_title().await);
    for (device, beats) in [(0, true), (1, false)] {
        let session = world.play(&home, device, &title).await;
        if beats {
            assert_eq!(world.beat(&session, 1, 40).await.0, StatusCode::OK);
        }
        assert_eq!(world.stop(&session).await, StatusCode::ACCEPTED);
        world.over(&session, "ended", "stopped").await;
        let path = format!("/positions/{}", home.account);
        let (_, positions) = world.system.get("playback", &path).await;
        assert_eq!(positions["items"][0]["position_seconds"], 40, "{positions}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_that_cannot_be_true_is_neither_stored_nor_published() {
    let world = StreamingWorld::whole("boast").await;
    let (home, title) = (world.home("duo", 2).await, world.any_title().await);
    let mut sessions = Vec::new();
    for (device, (number, watched)) in [(u32::MAX, u32::MAX), (1, 1_000_000)].iter().enumerate() {
        let session = world.play(&home, device, &title).await;
        let path = format!("/sessions/{session}/heartbeats");
        let heartbeat =
            json!({ "number": number, "position_seconds": 1, "watched_seconds": watched });
        let (status, answer) = world.system.post("playback", &path, &heartbeat).await;
        assert_eq!(status, StatusCode::OK, "it counts as far as it can be true: {answer}");
        sessions.push(session);
    }
    world.system.until("analytics", "select count(*) from session_count", 2).await;
    let beyond = "select count(*) from session_count where watched_seconds > 29";
    assert_eq!(world.system.value::<i64>("analytics", beyond).await, 0);
    for session in &sessions {
        world.stop(session).await;
        world.over(session, "ended", "stopped").await;
    }
    world.system.until("analytics", "select count(*) from session_end", 2).await;
    let watched = "select sum(watched_seconds) from session";
    let watched = world.system.value::<i64>("playback", watched).await;
    let counted = "select sum(watched_seconds + corrected_seconds)::bigint from title_hour";
    assert_eq!(world.system.value::<i64>("analytics", counted).await, watched);
    world.system.close(0).await;
}

async fn s2_a_title_that_may_not_be_shown_is_refused_with_the_reason_and_the_slot_is_free(
    world: &StreamingWorld,
) {
    let (adult, kids) = (world.home("duo", 1).await, world.home("kids", 1).await);
    let now = world.system.handle(0).now();
    let abroad = world.title_in("FR", now, now + HOUR, 0).await;
    let later = world.title_in("DE", now + HOUR, now + HOUR + HOUR, 0).await;
    let grim = world.title(HOUR, 16).await;
    let unknown = world.system.new_id().to_string();
    for (home, title, reason) in [
        (&adult, &abroad, "region"),
        (&adult, &later, "not_in_period"),
        (&kids, &grim, "age"),
        (&adult, &unknown, "unknown_title"),
    ] {
        let session = world.request(home, 0, title).await;
        world.over(&session, "refused", reason).await;
        let read = world.read(&session).await;
        assert_eq!(read["failed_step"], "grant_license", "{read}");
        assert!(read["detail"].is_string(), "{read}");
    }
}

async fn s3_a_session_ends_with_its_license(world: &StreamingWorld) {
    let home = world.home("duo", 1).await;
    let title = world.title(SignedDuration::from_secs(4), 0).await;
    let session = world.play(&home, 0, &title).await;
    world.over(&session, "ended", "license_expired").await;
}

async fn s3_a_sign_of_life_after_the_license_ended_is_refused_though_nothing_has_ended_the_session(
    world: &StreamingWorld,
) {
    let (home, title) = (world.home("duo", 1).await, world.any_title().await);
    let session = world.play(&home, 0, &title).await;
    assert_eq!(world.beat(&session, 1, 1).await.0, StatusCode::OK);
    let ended = format!(
        "update session set until = now() - interval '5 seconds' where session_id = '{session}'"
    );
    world.system.execute("playback", &ended).await;
    let (status, answer) = world.beat(&session, 2, 11).await;
    let expected = (StatusCode::GONE, &json!("license_expired"));
    assert_eq!((status, &answer["reason"]), expected, "{answer}");
    world.stop(&session).await;
    world.until(&session, "ended").await;
}

async fn s4_a_device_that_is_gone_ends_what_it_plays(world: &StreamingWorld) {
    let (home, title) = (world.home("duo", 2).await, world.any_title().await);
    world.play(&home, 0, &title).await;
    let (lost, other) = (world.play(&home, 0, &title).await, world.play(&home, 1, &title).await);
    let Home { account, devices } = &home;
    let (_, list) = world.system.get("accounts", &format!("/accounts/{account}/devices")).await;
    assert_eq!(list["items"][0]["sessions"][0], lost.as_str(), "{list}");
    let path = format!("/accounts/{account}/devices/{}", devices[0]);
    assert_eq!(world.delete("accounts", &path).await.0, StatusCode::NO_CONTENT);
    world.over(&lost, "ended", "stopped").await;
    world.until(&other, "playing").await;
}

async fn what_was_said_first_ends_a_session(world: &StreamingWorld) {
    let (home, title) = (world.home("duo", 2).await, world.any_title().await);
    let (first, other) = (world.play(&home, 0, &title).await, world.play(&home, 1, &title).await);
    // As before the look that ends it.
    let said = format!("update session set ending = 'displaced' where session_id = '{first}'");
    world.system.execute("playback", &said).await;
    assert_eq!(world.beat(&first, 1, 1).await.0, StatusCode::GONE);
    world.stop(&first).await;
    let ending = format!("select ending from session where session_id = '{first}'");
    assert_eq!(world.system.value::<String>("playback", &ending).await, "displaced");
    world.delete("accounts", &format!("/accounts/{}", home.account)).await;
    world.over(&other, "ended", "closed").await;
    assert_eq!(world.system.value::<String>("playback", &ending).await, "displaced");
}

async fn a_session_that_is_asked_for_again_is_the_same(world: &StreamingWorld) {
    let (home, title) = (world.home("duo", 1).await, world.any_title().await);
    let (account, device) = (&home.account, &home.devices[0]);
    let mut wanted = json!({ "account_id": account, "device_id": device, "title_id": title });
    let ask = async |wanted: &Value| {
        world.system.post_under_key("playback", "/sessions", "k", wanted).await
    };
    let (first, again) = (ask(&wanted).await, ask(&wanted).await);
    assert_eq!((first.0, &first.1["session_id"]), (StatusCode::CREATED, &again.1["session_id"]));
    wanted["title_id"] = json!(account);
    assert_eq!(ask(&wanted).await.0, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s5_silence_loses_a_session_and_a_late_sign_of_life_revives_nothing() {
    let settings = PlaybackSettings { lost_after_seconds: 8, ..PATIENT };
    let world = StreamingWorld::with("heartbeats_stop", settings).await;
    let (home, title) = (world.home("basic", 1).await, world.any_title().await);
    let session = world.play(&home, 0, &title).await;
    assert_eq!(world.beat(&session, 1, 1).await.0, StatusCode::OK);
    world.over(&session, "ended", "lost").await;
    let (status, answer) = world.beat(&session, 2, 900).await;
    assert_eq!((status, &answer["reason"]), (StatusCode::GONE, &"lost".into()), "{answer}");
    assert_eq!(world.read(&session).await["position_seconds"], 1);
    world.system.close(0).await;
}

async fn s9_signs_of_life_may_be_doubled_and_out_of_order(world: &StreamingWorld) {
    let (home, title) = (world.home("duo", 1).await, world.any_title().await);
    let session = world.play(&home, 0, &title).await;
    // As if the session had begun an hour ago.
    let older = "update session set started_at = started_at - interval '1 hour'";
    world.system.execute("playback", older).await;
    for (number, position) in [(1, 10), (3, 30), (3, 30), (2, 20), (1, 10), (4, 25)] {
        assert_eq!(world.beat(&session, number, position).await.0, StatusCode::OK);
    }
    world.stop(&session).await;
    world.over(&session, "ended", "stopped").await;
    let read = world.read(&session).await;
    assert_eq!(
        (&read["watched_seconds"], &read["position_seconds"]),
        (&30.into(), &25.into()),
        "the most that was watched, at the place of the newest: {read}"
    );
}
