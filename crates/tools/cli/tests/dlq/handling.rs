//! Dead letters that are sent back, changed, moved or discarded.

use ballet_stage::{Method, wait_until};
use ballet_testkit::command::ended;
use serde_json::{Value, json};

use crate::memory::a_letter_beyond_the_inbox_is_redriven_once;
use crate::publish::contracts;
use crate::rights::who_may_only_look_changes_nothing;
use crate::selection::what_means_nothing_or_several_is_refused_with_words;
use crate::world::{CounterWorld, SOON, TICKED};

/// One service for all. Each part begins without dead letters.
#[tokio::test]
async fn t36_t78_t80_t81_t82_t163_what_is_done_with_a_dead_letter_takes_effect_once() {
    let world = CounterWorld::new("letters").await;
    contracts(&world);
    a_redriven_message_runs_under_its_own_id_and_its_dead_letter_is_gone(&world).await;
    world.emptied().await;
    what_two_redrive_at_once_is_sent_by_one_of_them(&world).await;
    world.emptied().await;
    only_the_edited_copy_runs_and_a_second_edit_works(&world).await;
    world.emptied().await;
    what_dies_again_is_the_same_dead_letter_with_a_higher_count_and_does_not_loop(&world).await;
    world.emptied().await;
    what_the_console_moves_back_as_it_is_is_handled(&world).await;
    world.emptied().await;
    a_letter_beyond_the_inbox_is_redriven_once(&world).await;
    world.emptied().await;
    who_may_only_look_changes_nothing(&world).await;
    world.emptied().await;
    what_means_nothing_or_several_is_refused_with_words(&world).await;
    world.close().await;
}

async fn a_redriven_message_runs_under_its_own_id_and_its_dead_letter_is_gone(
    world: &CounterWorld,
) {
    let ids = world.dead_ticks(2).await;
    world.ballet(&["show", &ids[0][30..]]).await.ends_with(0).prints(&[
        &ids[0],
        "the counter is full",
        "permanent",
        "count_ticks",
        "\"number\": 0",
    ]);
    world.ballet(&["redrive", "--id", &ids[0]]).await.ends_with(0);
    world.is_counted(0).await;
    let mut db = world.database().await;
    let known: Vec<(String,)> = sqlx::query_as("select message_id::text from ballet.inbox")
        .fetch_all(&mut db)
        .await
        .expect("rows");
    assert_eq!(known, [(ids[0].clone(),)], "a dead letter leaves nothing in the inbox");
    let left = world.list(&[]).await;
    assert_eq!((left.len(), &left[0]["id"]), (1, &json!(ids[1])));
}

async fn what_two_redrive_at_once_is_sent_by_one_of_them(world: &CounterWorld) {
    let ids = world.dead_ticks(60).await;
    let arguments = ["redrive", "--all", "--rate", "100"];
    let (one, other) = tokio::join!(world.ballet(&arguments), world.ballet(&arguments));
    let sent: u64 = [&one, &other]
        .iter()
        .filter_map(|ended| ended.err.lines().find(|line| line.contains(" sent back")))
        .filter_map(|line| line.split(' ').next()?.parse::<u64>().ok())
        .sum();
    // The second command may have seen none, or only some.
    let again = world.ballet(&["redrive", "--all"]).await.ends_with(0);
    let rest = if again.out.contains("no dead letters match") { 0 } else { 60 - sent };
    assert_eq!(sent + rest, 60, "{one:?} {other:?} {again:?}");
    world.all_counted_once(60).await;
    let mut db = world.database().await;
    let known = "select count(*) from ballet.inbox where message_id::text = any($1)";
    let known: (i64,) = sqlx::query_as(known).bind(&ids).fetch_one(&mut db).await.expect("rows");
    assert_eq!(known, (60,));
}

async fn only_the_edited_copy_runs_and_a_second_edit_works(world: &CounterWorld) {
    let id = world.new_id();
    world.poison(&id, r#"{"nummer": 5}"#).await;
    let file = world.place.join("body.json");
    let edit = async |text: &str| {
        std::fs::write(&file, text).expect("written");
        let mut command =
            world.command(&["edit", &id, "--body", "body.json", "--why", "it was wrong"]);
        command.env("BALLET_CONTRACTS", world.place.join("clocks"));
        ended(command).await
    };
    edit("{\"number\": ").await.ends_with(1).says(&["is not JSON"]);
    let still = edit(r#"{"number": "five"}"#).await.ends_with(0);
    assert!(
        still.err.contains("still wrong: ") && still.err.contains("number: a whole number"),
        "{still:?}"
    );
    world.ballet(&["redrive", "--id", &id]).await.ends_with(0);
    world.are_redriven(&[1]).await;
    let right = edit(r#"{"number": 5}"#).await.ends_with(0);
    assert!(!right.err.contains("wrong"), "{right:?}");
    world.ballet(&["redrive", "--id", &id]).await.ends_with(0);
    world.is_counted(5).await;
    world.dead(0).await;
}

async fn what_dies_again_is_the_same_dead_letter_with_a_higher_count_and_does_not_loop(
    world: &CounterWorld,
) {
    let ids = world.dead_ticks(3).await;
    world.trouble("tick", true).await;
    for times in 1..=2 {
        world.ballet(&["redrive", "--all"]).await.ends_with(0).says(&["3 dead letters sent back"]);
        // The broker's counts may be old.
        let dead_letters = wait_until("all to be dead again", SOON, || async {
            let mut found = world.list(&[]).await;
            let is_again = |dead_letter: &Value| dead_letter["redrives"] == times;
            if found.len() < 3 || !found.iter().all(is_again) {
                return Err(format!("{found:?}"));
            }
            found.sort_by_key(|dead_letter| dead_letter["id"].to_string());
            Ok(Some(found))
        });
        let dead_letters = dead_letters.await.expect("dead letters");
        assert_eq!(dead_letters.len(), 3, "{dead_letters:?}");
        for (dead_letter, id) in dead_letters.iter().zip(&ids) {
            assert_eq!((&dead_letter["id"], &dead_letter["redrives"]), (&json!(id), &json!(times)));
            assert_eq!(dead_letter["exchange"], "events");
            assert_eq!(dead_letter["routing_key"], TICKED);
            assert_eq!(dead_letter["attempts"], 1);
        }
    }
    world.trouble("tick", false).await;
    world.ballet(&["redrive", "--all"]).await.ends_with(0).says(&["3 dead letters sent back"]);
    world.all_counted_once(3).await;
}

/// Uses a shovel that ends by itself, as the form "Move messages" of RabbitMQ's console does.
async fn move_back(world: &CounterWorld) {
    let (management, vhost) = (world.env.management(), world.env.vhost());
    let here = format!("amqp:///{vhost}");
    let shovel = json!({ "value": {
        "src-protocol": "amqp091", "src-uri": [here], "src-queue": "counter.dead",
        "src-prefetch-count": 1000, "src-delete-after": "queue-length", "ack-mode": "on-confirm",
        "dest-protocol": "amqp091", "dest-uri": [here], "dest-queue": "counter",
        "dest-add-forward-headers": false, "src-consumer-args": {},
    } });
    let path = ["parameters", "shovel", vhost, "Move from counter.dead"];
    management.call(Method::PUT, &path, Some(&shovel)).await.expect("a shovel");
    wait_until("the end of the move", SOON, || async {
        let left = management.call(Method::GET, &path[..3], None).await;
        let left = left.map_err(|error| error.to_string())?;
        if left == json!([]) { Ok(Some(())) } else { Err(left.to_string()) }
    })
    .await
    .expect("moved");
}

async fn what_the_console_moves_back_as_it_is_is_handled(world: &CounterWorld) {
    world.trouble("tick", true).await;
    // The routing key, which a move does not keep, is its only property.
    world.publish(TICKED, &json!({}), r#"{"number": 0}"#).await;
    world.dead(1).await;
    // Too early: it dies again.
    move_back(world).await;
    // The broker's counts may be old.
    let dead_letter = wait_until("its dead letter", SOON, || async {
        Ok::<_, String>(world.list(&[]).await.pop())
    });
    let dead_letter = dead_letter.await.expect("a dead letter");
    assert_eq!(
        (&dead_letter["exchange"], &dead_letter["routing_key"]),
        (&json!("events"), &json!(TICKED))
    );
    world.trouble("tick", false).await;
    move_back(world).await;
    world.all_counted_once(1).await;
    world.dead(0).await;
}
