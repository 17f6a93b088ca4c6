//! The metrics of a service.

use std::collections::BTreeSet;
use std::path::Path;

use ballet::MessageId;
use ballet_stage::wait_until;
use ballet_store::inbox::failures;
use ballet_testkit::health::metrics;

use crate::trip::{Rental, RoomBooked, TripBooked, Trouble, cars};
use crate::world::{SOON, TripWorld, part, the_hotel};

/// Counts stuck sagas that are tried again, and those that are not.
async fn are_stuck(world: &TripWorld, tried_again: u32, for_good: u32) {
    let address = world.services[0].address();
    let line = |again, count| format!(r#"ballet_sagas_stuck{{tried_again="{again}"}} {count}"#);
    let lines = [line("no", for_good), line("yes", tried_again)];
    wait_until(&lines.join(", "), SOON, || async {
        let metrics = metrics(address).await.map_err(|error| error.to_string())?;
        let stuck = metrics.lines().filter(|line| line.starts_with("ballet_sagas_stuck"));
        let stuck: BTreeSet<&str> = stuck.collect();
        if stuck.iter().eq(&lines) { Ok(Some(())) } else { Err(format!("{stuck:?}")) }
    })
    .await
    .expect("the metric");
}

#[tokio::test]
async fn t167_sagas_that_are_stuck_are_counted_by_whether_they_are_tried_again() {
    // One after the other, because a process counts for all its services.
    let rental = Rental { trouble: Trouble::default().times(u32::MAX), ..Rental::default() };
    let cars = || part(cars(rental.clone()), &[]);
    let mut world = TripWorld::new("stuck", vec![the_hotel(), cars()]).await;
    world.services.remove(1).stop().await;
    are_stuck(&world, 0, 0).await;
    let mut broken = Vec::new();
    for saga in [world.new_saga(), world.new_saga()] {
        // Twice in one saga: it counts once.
        for _ in 0..2 {
            let id = world.publish(saga, &TripBooked { city: "Broken".into() }).await;
            broken.push(MessageId(id.parse().expect("an id")));
        }
    }
    are_stuck(&world, 0, 2).await;
    let mut db = world.database("hotel").await;
    world.until_count("hotel", "ballet.failure where next_at is null", 4).await;
    assert_eq!(failures::forget(&mut db, &broken).await.expect("forgotten"), 4);
    are_stuck(&world, 0, 0).await;

    // A call is repeated without an end. (A test's retry queues keep a message for moments, so a step is dead before
    // it is counted.)
    world.services.remove(0).stop().await;
    world.start(cars()).await;
    for saga in [world.new_saga(), world.new_saga()] {
        world.publish(saga, &TripBooked { city: "Rome".into() }).await;
        world.publish(saga, &RoomBooked { room: 1 }).await;
    }
    are_stuck(&world, 2, 0).await;
}

/// Finds names in quotation marks, or in a table.
fn names(text: &str, quote: char) -> BTreeSet<String> {
    let begins = format!("{quote}ballet_");
    let found = text.match_indices(&begins).map(|(at, _)| {
        let name = text[at + 1..].chars();
        name.take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>()
    });
    found.collect()
}

fn sources(dir: &Path, text: &mut String) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else {
            text.push_str(&std::fs::read_to_string(&path).expect("a file"));
        }
    }
}

#[test]
fn every_metric_is_on_the_page_about_metrics_and_no_other() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(crate_dir.join("../../../docs/metrics.md")).expect("a page");
    let mut code = String::new();
    for of in ["../../framework/ballet/src", "../../framework/amqp/src"] {
        sources(&crate_dir.join(of), &mut code);
    }
    assert_eq!(names(&page, '`'), names(&code, '"'));
}
