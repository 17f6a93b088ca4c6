//! Sessions while each service is down in turn, and their compensation.

use ballet::SagaId;
use playback::config::PlaybackSettings;
use reqwest::StatusCode;
use streaming_events::accounts::{AccountErased, StreamSlotCancelled};
use streaming_events::playback::{
    EndReason, PlaybackEnded, PlaybackRefused, PlaybackRequested, Refusal, ViewerErased,
};
use streaming_events::titles::PlaybackLicenseCancelled;
use streaming_events::{ClosureId, SessionId};

use crate::world::{PATIENT, StreamingWorld, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s10_what_a_service_missed_it_catches_up_with() {
    let mut world = StreamingWorld::open("away").await;
    let (home, title) = (world.home("duo", 2).await, world.any_title().await);
    // Without accounts no session starts, and a playing one goes on.
    let playing = world.play(&home, 0, &title).await;
    world.system.stop("accounts").await;
    let waiting = world.request(&home, 1, &title).await;
    assert_eq!(world.beat(&playing, 1, 1).await.0, StatusCode::OK);
    world.stop(&playing).await;
    world.until(&playing, "ended").await;
    world.start("accounts").await;
    world.until(&waiting, "playing").await;
    world.over(&playing, "ended", "stopped").await;
    // So without titles.
    world.system.stop("titles").await;
    let another = world.request(&home, 0, &title).await;
    assert_eq!(world.beat(&waiting, 1, 1).await.0, StatusCode::OK);
    world.start("titles").await;
    world.until(&another, "playing").await;
    // A withdrawal waits for playback.
    world.system.stop("playback").await;
    assert_eq!(world.delete("titles", &format!("/titles/{title}")).await.0, StatusCode::ACCEPTED);
    world.start("playback").await;
    for session in [&waiting, &another] {
        world.over(session, "ended", "withdrawn").await;
    }
    an_erasure_that_comes_before_the_end_of_a_session_waits_for_it(&mut world).await;
    world.system.close(0).await;
}

async fn an_erasure_that_comes_before_the_end_of_a_session_waits_for_it(
    world: &mut StreamingWorld,
) {
    let (home, title) = (world.home("duo", 1).await, world.any_title().await);
    let session = world.play(&home, 0, &title).await;
    world.system.stop("playback").await;
    let (_, closure) = world.delete("accounts", &format!("/accounts/{}", home.account)).await;
    let closure = SagaId(text(&closure, "closure_id").parse().expect("an id"));
    let account_id = home.account.parse().expect("an id");
    let erased = ViewerErased { closure_id: ClosureId(closure.0), account_id };
    world.system.publish(closure, &erased).await;
    let (now, session) = (world.system.handle(0).now(), session.parse().expect("an id"));
    let ended = PlaybackEnded {
        session_id: SessionId(session),
        title_id: title.parse().expect("an id"),
        reason: EndReason::Closed,
        started_at: now,
        ended_at: now,
        watched_seconds: 0,
        position_seconds: 0,
    };
    world.system.publish(SagaId(session), &ended).await;
    world.system.event::<AccountErased>(closure).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s10_a_session_that_does_not_start_in_time_is_refused_whatever_comes_later() {
    let settings = PlaybackSettings { start_deadline_seconds: 1, ..PATIENT };
    let mut world = StreamingWorld::with("deadline", settings).await;
    let (home, title) = (world.home("duo", 1).await, world.any_title().await);
    world.system.stop("titles").await;
    let session = world.request(&home, 0, &title).await;
    world.until(&session, "refused").await;
    world.start("titles").await;
    world.over(&session, "refused", "deadline_passed").await;
    world.system.close(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s12_a_refusal_after_slot_and_license_takes_both_back() {
    let mut world = StreamingWorld::open("taken_back").await;
    let (home, title) = (world.home("duo", 1).await, world.any_title().await);
    // Without the owner nobody decides.
    world.system.stop("playback").await;
    let saga = world.system.new_saga();
    let session_id = SessionId(saga.0);
    let requested = PlaybackRequested {
        session_id,
        account_id: home.account.parse().expect("an id"),
        device_id: home.devices[0].parse().expect("an id"),
        title_id: title.parse().expect("an id"),
        requested_at: world.system.handle(0).now(),
    };
    world.system.publish(saga, &requested).await;
    world.system.until("accounts", "select count(*) from slot where state = 'live'", 1).await;
    let refused = PlaybackRefused {
        session_id,
        reason: Refusal::Cancelled,
        failed_step: None,
        detail: String::new(),
    };
    world.system.publish(saga, &refused).await;
    world.system.event::<StreamSlotCancelled>(saga).await;
    world.system.event::<PlaybackLicenseCancelled>(saga).await;
    world.system.until("titles", "select state from license", "cancelled").await;
    world.system.until("accounts", "select state from slot", "cancelled").await;
    world.system.until("accounts", "select live from account", 0).await;
    world.system.close(0).await;
}
