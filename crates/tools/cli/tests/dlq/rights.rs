//! Permissions on dead letters are those of the broker's users.

use ballet_testkit::command::{CommandOutput, ended};

use crate::world::CounterWorld;

async fn as_user(world: &CounterWorld, user: &str, arguments: &[&str]) -> CommandOutput {
    let mut command = world.command(arguments);
    command.env("AMQP_URL", world.env.amqp_url(user));
    ended(command).await
}

/// A stranger cannot even look.
pub(crate) async fn who_may_only_look_changes_nothing(world: &CounterWorld) {
    let ids = world.dead_ticks(1).await;
    std::fs::write(world.place.join("body.json"), r#"{"number": 7}"#).expect("written");

    // A service may read its own dead letters.
    as_user(world, "counter", &["groups"]).await.ends_with(0).prints(&["permanent"]);
    for change in [
        &["redrive", "--all"][..],
        &["edit", &ids[0], "--body", "body.json"],
        &["discard", "--all", "--yes"],
    ] {
        let refused = as_user(world, "counter", change).await.ends_with(1);
        assert!(refused.err.contains("ACCESS_REFUSED"), "{change:?}: {refused:?}");
    }
    for look in [&["list"][..], &["groups"], &["show", &ids[0]]] {
        let refused = as_user(world, "tap", look).await.ends_with(1);
        assert!(refused.err.contains("ACCESS_REFUSED"), "{look:?}: {refused:?}");
        assert!(!refused.out.contains(&ids[0]), "{refused:?}");
    }
    assert!(world.counted().await.is_empty(), "nothing was sent");
    world.dead(1).await;
    // Sending back does not need the service's database.
    let mut redrive = world.command(&["redrive", "--all"]);
    redrive.env("DATABASE_URL", "postgres://counter:counter@127.0.0.1:1/counter");
    ended(redrive).await.ends_with(0).says(&["1 dead letter sent back"]);
    world.all_counted_once(1).await;
}
