//! Dead letters whose types and texts are meant to do harm.

use serde_json::json;
use sqlx::{Connection, query_scalar};

use crate::bodies::{
    a_packed_body_is_shown_as_bytes_and_replaced,
    letters_that_cannot_be_read_are_listed_shown_edited_redriven_and_discarded,
};
use crate::headers::a_message_at_the_header_limit_is_handled_after_an_edit_and_a_redrive;
use crate::world::{CounterWorld, TICKED};

/// They set a terminal's title.
pub(crate) const ESCAPES: &str = "\u{1b}]0;x\u{7}";

/// One service for all. Each part begins without dead letters.
#[tokio::test]
async fn t81_t176_odd_and_hostile_letters_are_shown_as_they_are_and_steer_nothing() {
    let world = CounterWorld::new("hostile").await;
    a_type_that_postgres_refuses_costs_no_note_of_what_is_discarded(&world).await;
    world.emptied().await;
    what_a_letter_says_is_no_command_for_the_shell_or_the_terminal(&world).await;
    world.emptied().await;
    a_letter_that_another_service_put_here_is_shown_as_such_and_not_sent(&world).await;
    world.emptied().await;
    a_packed_body_is_shown_as_bytes_and_replaced(&world).await;
    world.emptied().await;
    letters_that_cannot_be_read_are_listed_shown_edited_redriven_and_discarded(&world).await;
    world.emptied().await;
    a_message_at_the_header_limit_is_handled_after_an_edit_and_a_redrive(&world).await;
    world.close().await;
}

async fn a_type_that_postgres_refuses_costs_no_note_of_what_is_discarded(world: &CounterWorld) {
    let properties = json!({ "message_id": world.new_id(), "type": "a\0b" });
    world.publish(TICKED, &properties, r#"{"number": 0}"#).await;
    world.dead(1).await;
    world.trouble("tick", true).await;
    for number in 1..=3 {
        world.tick(TICKED, number).await;
    }
    world.dead(4).await;
    let done = world.ballet(&["discard", "--all", "--yes"]).await.ends_with(0);
    assert!(!done.err.contains("note:"), "{done:?}");
    let noted = "select array_agg(coalesce(event_type, '') order by event_type) \
                 from ballet.intervention where act = 'discarded'";
    let mut db = world.database().await;
    let noted: Vec<String> = query_scalar(noted).fetch_one(&mut db).await.expect("notes");
    assert_eq!(noted, ["a b", TICKED, TICKED, TICKED]);
    db.close().await.expect("closed");
}

async fn what_a_letter_says_is_no_command_for_the_shell_or_the_terminal(world: &CounterWorld) {
    let kind = "a;b 'c' $(d)";
    for number in 0..3 {
        let properties = json!({ "message_id": world.new_id(), "type": kind });
        world.publish(TICKED, &properties, &json!({ "number": number }).to_string()).await;
    }
    world.dead(3).await;
    let groups = world.ballet(&["groups"]).await.ends_with(0);
    let id =
        world.ballet(&["groups", "-o", "jsonl"]).await.ends_with(0).lines()[0]["group"].clone();
    let id = id.as_str().expect("an id");
    let advice = format!("dlq discard --group {id}\n");
    assert!(groups.err.ends_with(&advice), "{groups:?}");
    // As the shell reads them.
    let chosen = ["redrive", "--reason", "forged_type", "--type", kind, "--dry-run"];
    let chosen = world.ballet(&chosen).await.ends_with(0);
    assert!(chosen.err.contains("0 dead letters would be sent back"), "{chosen:?}");
    assert!(chosen.err.contains("3 dead letters are forged and not sent: discard"), "{chosen:?}");
    // Nothing would compare their type with the routing key again.
    let sent = ["redrive", "--reason", "forged_type", "--type", kind];
    let sent = world.ballet(&sent).await.ends_with(3);
    assert_eq!(sent.err.matches("it is not sent back").count(), 3, "{sent:?}");
    world.dead(3).await;

    let failure = format!("the counter {ESCAPES} is full");
    world.trouble_of("tick", Some(&failure)).await;
    world.tick(TICKED, 3).await;
    world.dead(4).await;
    let groups = world.ballet(&["groups"]).await.ends_with(0).prints(&["the counter"]);
    assert!(!groups.out.contains('\u{1b}'), "{groups:?}");
    // A group's id selects exactly its letters.
    let discard = ["discard", "--group", id, "--yes"];
    world.ballet(&discard).await.ends_with(0).says(&["3 dead"]);
    world.dead(1).await;
}

/// Before RabbitMQ 4 a right covers the routing key, but not the keys in `BCC`.
async fn a_letter_that_another_service_put_here_is_shown_as_such_and_not_sent(
    world: &CounterWorld,
) {
    world.dead_ticks(1).await;
    let id = world.new_id();
    let properties = json!({ "message_id": id, "type": TICKED, "app_id": "clock",
        "headers": { "BCC": ["counter"], "x-dead-reason": "permanent", "x-dead-exchange": "events",
            "x-dead-routing-key": TICKED } });
    let body = r#"{"number": 4711}"#;
    let published = world.env.management().publish("dead", "bell", &properties, body).await;
    published.expect("published");
    world.dead(2).await;
    let forged = world.list(&["--reason", "forged_letter"]).await;
    assert_eq!((forged.len(), &forged[0]["id"]), (1, &json!(id)));
    assert!(forged[0]["detail"].as_str().is_some_and(|it| it.contains("\"bell\"")), "{forged:?}");

    let sent = world.ballet(&["redrive", "--all"]).await.ends_with(3);
    assert!(
        sent.err.contains(&format!("{id} was not sent: it was published to `dead`")),
        "{sent:?}"
    );
    assert!(sent.err.contains("1 dead letter sent back"), "{sent:?}");
    assert!(!sent.err.contains("were not sent"), "{sent:?}");
    assert!(sent.err.contains("1 dead letter is forged and not sent"), "{sent:?}");
    world.all_counted_once(1).await;
    std::fs::write(world.place.join("body.json"), body).expect("written");
    let edited = world.ballet(&["edit", &id, "--body", "body.json"]).await.ends_with(2);
    assert!(edited.err.contains("it is not sent back: discard it"), "{edited:?}");
    world.ballet(&["show", &id]).await.ends_with(0).says(&["dlq discard --id"]);
    world.ballet(&["discard", "--id", &id, "--yes"]).await.ends_with(0);
    world.dead(0).await;
}
