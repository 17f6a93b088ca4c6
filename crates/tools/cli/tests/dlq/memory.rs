//! Dead letters that the inbox has forgotten.

use serde_json::Value;

use crate::world::CounterWorld;

fn old_id() -> String {
    let day = 24 * 60 * 60 * 1000;
    let now = ballet::Clock::system().now().as_millisecond();
    let then = format!("{:012x}", now - 8 * day);
    format!("{}-{}-7000-8000-000000000001", &then[..8], &then[8..])
}

async fn dead_letter(world: &CounterWorld) -> Value {
    let mut dead_letters =
        world.env.management().peek("counter.dead", 1).await.expect("a dead letter");
    dead_letters.pop().expect("a dead letter")
}

/// Handled although the inbox has forgotten their age.
async fn old_messages(world: &CounterWorld) -> Vec<String> {
    sqlx::query_scalar("select message_id::text from ballet.inbox_other")
        .fetch_all(&mut world.database().await)
        .await
        .expect("rows")
}

/// A redrive gives a new id, and is refused where nothing else remembers.
pub(crate) async fn a_letter_beyond_the_inbox_is_redriven_once(world: &CounterWorld) {
    let id = old_id();
    world.poison(&id, r#"{"number": 0}"#).await;
    let found = world.list(&["--reason", "too_old_to_deduplicate"]).await;
    assert_eq!(found[0]["id"], id);
    let copy = dead_letter(world).await;
    let before = old_messages(world).await;

    // Without a ledger the letter stays.
    world.ballet(&["redrive", "--all"]).await.ends_with(3).says(&["might handle them twice"]);
    assert!(world.counted().await.is_empty());
    world.dead(1).await;

    world.ballet(&["redrive", "--all", "--beyond-memory"]).await.ends_with(0);
    world.all_counted_once(1).await;
    world.dead(0).await;
    let known = old_messages(world).await;
    let new: Vec<&String> = known.iter().filter(|known| !before.contains(known)).collect();
    assert!(new.len() == 1 && *new[0] != id, "{before:?} {known:?}");

    // A copy, as a kill between sending and removing leaves it, gets the same id.
    let body = copy["payload"].as_str().expect("text");
    let management = world.env.management();
    let put = management.publish("dead", "counter", &copy["properties"], body).await;
    assert!(put.expect("published"));
    world.dead(1).await;
    world.ballet(&["redrive", "--all", "--beyond-memory"]).await.ends_with(0);
    world.all_counted_once(1).await;
}
