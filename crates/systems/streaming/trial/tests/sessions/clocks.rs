//! Sessions while the clock of a database is wrong.

use std::time::Duration;

use ballet_stage::wait_until;
use reqwest::StatusCode;

use crate::world::StreamingWorld;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_while_the_databases_clock_is_ahead_ends_no_session() {
    let mut world = StreamingWorld::open("ahead").await;
    let (home, title) = (world.home("duo", 2).await, world.any_title().await);
    let playing = [world.play(&home, 0, &title).await, world.play(&home, 1, &title).await];
    world.system.stop("playback").await;
    let clock = |hours: u8| {
        format!(
            "create or replace function ballet.now() returns timestamptz language sql volatile \
             parallel safe as 'select pg_catalog.clock_timestamp() + interval ''{hours} hours'''"
        )
    };
    world.system.execute("playback", &clock(2)).await;
    world.start("playback").await;
    // Each watch is due, looks, and looks again later, by the database's time.
    let looked = "select count(*) from ballet.call where step = 'watch_playback' and owner = 0 \
                  and next_at > clock_timestamp() + interval '1 hour 50 minutes'";
    world.system.until("playback", looked, 2).await;
    world.system.execute("playback", &clock(0)).await;
    for session in &playing {
        world.until(session, "playing").await;
        // A client that gets 503 asks again.
        wait_until("a heartbeat to be taken", Duration::from_secs(60), || async {
            let (status, said) = world.beat(session, 1, 5).await;
            if status == StatusCode::SERVICE_UNAVAILABLE {
                return Err(said.to_string());
            }
            assert_eq!(status, StatusCode::OK, "{said}");
            Ok(Some(()))
        })
        .await
        .expect("a heartbeat");
        world.stop(session).await;
        world.over(session, "ended", "stopped").await;
    }
    world.system.close(0).await;
}
