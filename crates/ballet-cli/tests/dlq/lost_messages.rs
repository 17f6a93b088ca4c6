//! Messages that somebody purged or that the journal lost: `ballet doctor` and `ballet sagas stuck` name them, with the
//! command that brings them back.

use std::path::Path;

use ballet::core::topology::JOURNAL;
use ballet_stage::{Method, Options, Servers, wait_until};
use ballet_testkit::command::ended;
use serde_json::{Value, json};

use crate::doctor::ExaminedSystem;
use crate::faults::WatchingConsole;
use crate::sagas::until_said;
use crate::shop::{ShopWorld, checkout};
use crate::world::{FOR_A_WHILE, SOON, TICKED};

/// The command that a text advises between backticks.
fn advised(text: &str) -> Vec<&str> {
    let command = text.split('`').nth(1).expect("a command");
    command.split(' ').skip_while(|word| *word != "dlq").collect()
}

#[tokio::test]
async fn t217_a_journal_that_has_lost_what_it_promises_is_named() {
    let servers = Servers::private(Options::durable()).await.expect("servers of our own");
    let patient = ExaminedSystem::new(&servers).await;
    patient.is_well().await;
    let vhost = patient.world.env.vhost().to_owned();
    // The size of segments is fixed when a stream is made.
    patient.delete(&["queues", JOURNAL]).await;
    let small = json!({ "pattern": "^journal$", "apply-to": "queues", "priority": 9,
        "definition": { "max-length-bytes": 200_000, "stream-max-segment-size-bytes": 50_000 } });
    patient.call(Method::PUT, &["policies", &vhost, "small"], &small).await;
    patient.apply().await;
    let body = format!(r#"{{"number": 1, "of": "{}"}}"#, "0".repeat(10_000));
    for _ in 0..100 {
        let properties = json!({ "message_id": patient.world.new_id(), "type": TICKED });
        patient.world.publish(TICKED, &properties, &body).await;
    }
    patient.has("policy", "max-length-bytes is 200000").await;
    patient.delete(&["policies", "small"]).await;
    // The journal is as declared again, but the loss remains.
    patient.has("journal", "what is older is lost to redrive, restore and tap").await;
    patient.world.close().await;
}

#[tokio::test]
async fn t220_messages_that_failed_and_were_purged_are_named_and_come_again() {
    let servers = Servers::private(Options::durable()).await.expect("servers of our own");
    let mut patient = ExaminedSystem::new(&servers).await;
    patient.world.are_counted(1).await;
    let bring_again = async |patient: &ExaminedSystem| {
        // A queue's figures are old, and a busy machine answers late.
        let advice = wait_until("the advice", SOON, || async {
            let found = ended(patient.command(&["doctor", "--quiet", "-o", "json"])).await;
            let rows: Vec<Value> = found.json();
            let is_it = |row: &&Value| row["cause"] == "lost" && row["state"] == "bad";
            let advice = rows.iter().find(is_it).and_then(|row| row["do"].as_str());
            advice.map(|advice| Some(advice.to_owned())).ok_or(format!("{found:?}"))
        });
        let advice = advice.await.expect("it is named");
        ended(patient.command(&advised(&advice))).await.ends_with(0);
    };

    patient.world.trouble("tick", true).await;
    for number in 1..3 {
        patient.world.tick(TICKED, number).await;
    }
    patient.world.dead(2).await;
    patient.world.trouble("tick", false).await;
    patient.world.purge("counter.dead").await;
    patient.has("lost", "2 failed messages wait nowhere any more").await;
    bring_again(&patient).await;
    patient.world.are_counted(3).await;
    patient.is_well().await;

    patient.world.trouble_of("tick", Some(FOR_A_WHILE)).await;
    patient.world.tick(TICKED, 3).await;
    patient.world.retry_waits().await;
    patient.world.lose_what_waits().await;
    patient.world.trouble_of("tick", None).await;
    patient.world.retry_is_overdue().await;
    patient.has("lost", "1 failed message waits nowhere any more").await;
    bring_again(&patient).await;
    patient.world.are_counted(4).await;
    patient.is_well().await;
    patient.world.close().await;
}

/// A shop whose payments have lost the one message in their queue. Returns the order and the message.
async fn emptied(shop: &mut ShopWorld) -> (String, String) {
    shop.stop("payments").await;
    // A saga younger than a minute is not looked at.
    let id = ShopWorld::old_id();
    shop.drop(&id, &checkout().to_string()).await;
    let management = shop.env.management();
    let message = wait_until("its message", SOON, || async {
        let waiting = management.peek("payments", 1).await.map_err(|error| error.to_string())?;
        let of = |one: &Value| one["properties"]["message_id"].as_str().map(str::to_owned);
        Ok::<_, String>(waiting.first().and_then(of))
    });
    let message = message.await.expect("it waits");
    let path = ["queues", shop.env.vhost(), "payments", "contents"];
    management.call(Method::DELETE, &path, None).await.expect("purged");
    (id, message)
}

#[tokio::test]
async fn t220_a_saga_whose_message_was_purged_is_named_and_goes_on() {
    let mut shop = ShopWorld::open("emptied").await;
    let (id, _) = emptied(&mut shop).await;
    shop.start("payments", None).await;
    // A message younger than a minute may be on its way.
    let advice = wait_until("the saga", 2 * SOON, || async {
        let mut command = shop.command(&["doctor", "--quiet", "-o", "json"]);
        command.env("RABBITMQ_MANAGEMENT_URL", shop.env.management_url());
        let found = ended(command).await;
        let rows: Vec<Value> = found.json();
        let is_it = |row: &&Value| row["cause"] == "lost" && row["subject"] == "payments";
        let row = rows.iter().find(is_it).filter(|row| row["state"] == "bad");
        match row.and_then(|row| row["do"].as_str()) {
            Some(advice) if found.code == Some(3) => Ok(Some(advice.to_owned())),
            _ => Err(format!("{found:?}")),
        }
    });
    let advice = advice.await.expect("it is named");
    // The command and the console call it stuck, too, and say the same.
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/contracts/shop");
    let (amqp, management) = (shop.env.amqp_url("redrive"), shop.env.management_url());
    let console = WatchingConsole::new(&contracts, amqp, management, shop.databases()).await;
    console.shows(&format!("/sagas/{id}"), "Its message is in no queue any more").await;
    console.shows("/sagas?state=stuck", &id).await;
    let mut stuck = shop.command(&["sagas", "stuck", &id]);
    stuck.env("RABBITMQ_MANAGEMENT_URL", shop.env.management_url());
    let stuck = ended(stuck).await.ends_with(0);
    assert!(stuck.out.contains("lost") && stuck.err.contains("lost: payments: "), "{stuck:?}");
    shop.ballet(&advised(&advice)).await.ends_with(0);
    shop.order_is(&id, "completed").await;
    shop.close().await;
}

#[tokio::test]
async fn t220_a_dead_letter_that_was_purged_is_listed_as_lost_with_what_brings_it_back() {
    let mut shop = ShopWorld::open("rung").await;
    let (id, message) = emptied(&mut shop).await;
    // As if the message had failed for good, and somebody had purged the queue of dead letters.
    let mut db = shop.database("payments").await;
    let noted = "insert into ballet.failure (message_id, saga_id, event_type, handler, reason, detail, \
                 attempts, first_failed_at, last_failed_at) values ($1::uuid, $2::uuid, \
                 'inventory.stock_reserved.v1', 'authorize_payment', 'permanent', 'no such account', \
                 1, now(), now())";
    sqlx::query(noted).bind(&message).bind(&id).execute(&mut db).await.expect("noted");
    shop.start("payments", None).await;
    let stuck = shop.ballet(&["sagas", "stuck", &id]).await.ends_with(0);
    assert!(stuck.out.contains("no such account") && stuck.out.contains("lost"), "{stuck:?}");
    assert!(!stuck.err.contains("it is a dead letter"), "{stuck:?}");
    let (_, advice) = stuck.err.split_once(" dlq redrive ").expect("an advice");
    let (sent, _) = advice.split_once(". ").expect("a sentence");
    let sent: Vec<&str> = ["dlq", "redrive"].into_iter().chain(sent.split_whitespace()).collect();
    shop.ballet(&sent).await.ends_with(0);
    shop.order_is(&id, "completed").await;
    until_said(&shop, &["sagas", "stuck"], "no saga is stuck").await;

    // A message that the journal lacks too: nothing brings it back, and the alarm must not ring for ever.
    let (gone, saga) = (ShopWorld::new_id(), ShopWorld::new_id());
    sqlx::query(noted).bind(&gone).bind(&saga).execute(&mut db).await.expect("noted");
    let stuck = shop.ballet(&["sagas", "stuck", &saga]).await.ends_with(0);
    let (_, advice) = stuck.err.split_once(" dlq discard ").expect("an advice");
    let mut given_up: Vec<&str> =
        ["dlq", "discard"].into_iter().chain(advice.split_whitespace()).collect();
    assert!(given_up.contains(&gone.as_str()), "{stuck:?}");
    let shown = [&given_up[..], &["--dry-run"]].concat();
    shop.ballet(&shown).await.ends_with(0);
    assert!(shop.ballet(&["sagas", "stuck"]).await.ends_with(0).out.contains("no such account"));
    given_up.push("--yes");
    shop.ballet(&given_up).await.ends_with(0);
    until_said(&shop, &["sagas", "stuck"], "no saga is stuck").await;
    shop.close().await;
}
