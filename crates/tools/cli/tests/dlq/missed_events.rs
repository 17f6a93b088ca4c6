//! A service's missed events are found in the journal, and sent once.

use ballet::Clock;
use ballet_amqp::{Broker, RabbitMq};
use ballet_stage::Method;
use ballet_testkit::command::{CommandOutput, ended};
use ballet_testkit::until_yields;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::process::Command;

use crate::publish::contracts;
use crate::shop::{ShopWorld, checkout, declined_checkout};
use crate::topology::topology;
use crate::world::{CounterWorld, FOR_A_WHILE, SOON, TICKED, ballet};

pub(crate) const CONFIRMED: &str = "orders.order_confirmed.v1";
const AUTHORIZED: &str = "payments.payment_authorized.v1";
const ORDERS: usize = 8;

impl ShopWorld {
    pub(crate) async fn unbind(&self, service: &str, event: &str) {
        let path = ["bindings", self.env.vhost(), "e", "route", "q", service, event];
        self.env.management().call(Method::DELETE, &path, None).await.expect("removed");
    }

    pub(crate) async fn topology(&self, verb: &str) -> CommandOutput {
        self.topology_with(&[verb]).await
    }

    async fn topology_with(&self, arguments: &[&str]) -> CommandOutput {
        let mut command = topology(&self.env, &self.place, arguments).await;
        let database = self.env.admin_database_url("orders").replace("/orders", "/{service}");
        command.env("DATABASE_URL", database);
        ended(command).await
    }

    /// Each body differs from all others.
    pub(crate) async fn order(&self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.new_order(&checkout()).await);
        }
        ids
    }

    pub(crate) async fn all_are(&self, orders: &[String], status: &str) {
        for id in orders {
            self.order_is(id, status).await;
        }
    }

    async fn missed(&self) -> Vec<Value> {
        self.missed_by("shipping").await
    }

    async fn missed_by(&self, service: &str) -> Vec<Value> {
        let arguments = ["dlq", "redrive", "--from-journal", service, "--since", "1h"];
        let said = self.ballet(&[&arguments[..], &["--dry-run", "-o", "json"]].concat()).await;
        said.ends_with(0).json()
    }
}

#[tokio::test]
async fn t180_what_was_lost_without_a_binding_is_sent_once_by_hand_or_by_a_repair() {
    let shop = ShopWorld::open("missed").await;
    shop.receive("note-2", 100).await;
    what_a_service_missed_without_its_binding_is_sent_from_the_journal_once(&shop).await;
    a_repair_creates_what_is_missing_and_sends_all_that_was_lost(&shop).await;
    events_that_no_binding_took_are_sent_to_the_services_that_consume_them(&shop).await;
    shop.close().await;
}

async fn what_a_service_missed_without_its_binding_is_sent_from_the_journal_once(shop: &ShopWorld) {
    let before = shop.order(2).await;
    shop.all_are(&before, "completed").await;
    let poison =
        json!({ "message_id": ShopWorld::new_id(), "correlation_id": ShopWorld::new_id() });
    let management = shop.env.management();
    assert!(management.publish("events", AUTHORIZED, &poison, "{").await.expect("published"));
    shop.dead("shipping").await;
    assert!(shop.missed().await.is_empty());
    shop.ballet(&["dlq", "discard", "--all", "--yes"]).await.ends_with(0);
    assert!(shop.missed().await.is_empty());

    shop.unbind("shipping", CONFIRMED).await;
    let orders = shop.order(ORDERS).await;
    shop.all_are(&orders, "confirmed").await;
    // Nothing else shows that paid orders will not be shipped.
    assert_eq!(management.depth("unrouted").await.expect("a depth").ready, 0);
    shop.ballet(&["sagas", "stuck"]).await.ends_with(0).prints(&["no saga is stuck"]);
    let differs = shop.topology("check").await.ends_with(1);
    let binding = format!("the binding of queue `shipping` to `route` with key `{CONFIRMED}`");
    assert!(differs.out.contains(&format!("{binding} is missing")), "{differs:?}");
    shop.topology("apply").await.ends_with(0).says(&[&format!("created: {binding}")]);

    let missed = shop.missed().await;
    assert_eq!(missed.len(), ORDERS);
    for event in &missed {
        assert_eq!(event["type"], CONFIRMED);
        assert!(orders.iter().any(|order| event["saga"] == order.as_str()), "{event}");
    }
    let redrive = ["dlq", "redrive", "--from-journal", "shipping", "--since", "1h"];
    let one = missed[0]["id"].as_str().expect("an id");
    let few = shop.ballet(&[&redrive[..], &["--id", one]].concat()).await.ends_with(0);
    assert!(few.err.contains("1 event sent to shipping"), "{few:?}");
    let sent = shop.ballet(&[&redrive[..], &["--rate", "1000"]].concat()).await.ends_with(0);
    assert!(sent.err.contains(&format!("{} events sent to shipping", ORDERS - 1)), "{sent:?}");
    shop.all_are(&orders, "completed").await;
    shop.ballet(&redrive).await.ends_with(0).says(&["shipping has missed nothing"]);
    shop.is_sound().await;
}

async fn events_that_no_binding_took_are_sent_to_the_services_that_consume_them(shop: &ShopWorld) {
    let management = shop.env.management();
    let checked_out = "cart.checked_out.v1";
    shop.unbind("orders", checked_out).await;
    let orders = shop.order(3).await;
    // Misspelt.
    let misspelt = "cart.checkedout.v1";
    let published = management.publish("events", misspelt, &json!({}), "{}").await;
    assert!(published.expect("published"));
    // Its publisher may say that a cart is checked out, but nothing about payments.
    let forged = json!({ "message_id": ShopWorld::new_id(), "type": AUTHORIZED });
    let published = management.publish("events", checked_out, &forged, "{}").await;
    assert!(published.expect("published"));
    let come = management.until_depth("unrouted", SOON, |depth| depth.ready == 5).await;
    come.expect("events without a binding");

    shop.topology("apply").await.ends_with(0);
    let redrive = ["dlq", "redrive", "--from-unrouted"];
    let plan = shop.ballet(&[&redrive[..], &["--dry-run"]].concat()).await.ends_with(0);
    assert!(plan.err.contains("3 events would be sent"), "{plan:?}");
    for (count, event, fate) in [
        ("3", checked_out, "goes to orders"),
        ("1", misspelt, "no service declares its type"),
        ("1", AUTHORIZED, "its type is \"payments"),
    ] {
        let has = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.get(1) == Some(&count) && words.contains(&event) && line.contains(fate)
        };
        assert!(plan.out.lines().any(has), "{count} {event} {fate}: {plan:?}");
    }
    shop.ballet(&redrive).await.ends_with(3).says(&["3 events sent", "2 events stay"]);
    shop.all_are(&orders, "completed").await;
    shop.ballet(&redrive).await.ends_with(3).says(&["nothing to send"]);
    // The journal has them, and orders knows them now.
    let orders_since = ["dlq", "redrive", "--from-journal", "orders", "--since", "1h"];
    shop.ballet(&orders_since).await.ends_with(0).says(&["orders has missed nothing"]);
    shop.is_sound().await;
}

#[tokio::test]
async fn t180_what_was_handled_or_refused_under_any_id_is_not_missed() {
    let shop = ShopWorld::open("not_missed").await;
    ledgers_that_agree_with_the_journal_say_that_nothing_is_lost(&shop).await;
    let (management, checked_out) = (shop.env.management(), "cart.checked_out.v1");
    let send = async |properties: &Value, body: &Value| {
        let body = body.to_string();
        let sent = management.publish("events", checked_out, properties, body).await;
        assert!(sent.expect("published"));
    };
    let structured = |id: &str| {
        json!({ "specversion": "1.0", "id": id, "source": "/cart", "type": checked_out,
            "data": checkout() })
    };
    let attributes = |id: &str| json!({ "ce-id": id, "ce-source": "/cart" });
    let ce_type = "application/cloudevents+json";
    let [inside, around] = [ShopWorld::new_id(), ShopWorld::new_id()];
    send(&json!({ "content_type": ce_type }), &structured(&inside)).await;
    send(&json!({ "headers": attributes(&around) }), &checkout()).await;
    // As of most events, the sagas' ids are older than their messages.
    let [old_inside, old_around, plain] =
        [ShopWorld::old_id(), ShopWorld::old_id(), ShopWorld::old_id()];
    let properties = json!({ "content_type": ce_type, "correlation_id": old_inside });
    send(&properties, &structured(&ShopWorld::new_id())).await;
    let headers = attributes(&ShopWorld::new_id());
    send(&json!({ "correlation_id": old_around, "headers": headers }), &checkout()).await;
    send(&json!({ "correlation_id": plain }), &checkout()).await;
    shop.all_are(&[inside, around, old_inside, old_around, plain], "completed").await;
    assert_eq!(shop.missed_by("orders").await, Vec::<Value>::new());

    // Refused events are dead letters under the same ids, whose time must not break the search.
    let never = "ffffffff-ffff-7fff-8fff-ffffffffffff";
    send(&json!({ "message_id": never }), &checkout()).await;
    send(&json!({ "correlation_id": never }), &checkout()).await;
    send(&json!({ "content_type": ce_type }), &structured(never)).await;
    send(&json!({ "headers": attributes(never) }), &checkout()).await;
    let come = management.until_depth("orders.dead", SOON, |depth| depth.ready == 4).await;
    come.expect("dead letters of orders");
    assert_eq!(shop.missed_by("orders").await, Vec::<Value>::new());
    shop.close().await;
}

impl ShopWorld {
    async fn doctor_on_journal(&self) -> Vec<Value> {
        let mut command = self.command(&["doctor", "--quiet", "-o", "json"]);
        command.env("RABBITMQ_MANAGEMENT_URL", self.env.management_url());
        let mut found: Vec<Value> = ended(command).await.json();
        found.retain(|finding| finding["cause"] == "journal");
        found
    }

    /// Loses the journal, as a broker without its disks does. It is made again, empty.
    pub(crate) async fn lose_the_journal(&self) {
        let path = ["queues", self.env.vhost(), "journal"];
        self.env.management().call(Method::DELETE, &path, None).await.expect("lost");
        self.topology("apply").await.ends_with(0);
    }
}

/// "It is not in the journal" needs the databases' agreement.
#[tokio::test]
async fn what_the_broker_lost_with_its_disks_is_sent_from_the_databases() {
    let mut shop = ShopWorld::open("lost_disks").await;
    shop.receive("note-2", 100).await;
    let before = shop.order(2).await;
    shop.all_are(&before, "completed").await;
    // Although the journal forgets it.
    shop.stop("shipping").await;
    shop.start("shipping", Some(10)).await;
    let dead = shop.order(2).await;
    let management = shop.env.management();
    let come = management.until_depth("shipping.dead", SOON, |depth| depth.ready == 4).await;
    come.expect("four dead letters");
    // The journal also forgets the one that waits in its queue.
    shop.ballet(&["dlq", "discard", "--saga", &dead[0], "--yes"]).await.ends_with(0);
    shop.stop("shipping").await;
    shop.start("shipping", None).await;

    shop.unbind("shipping", CONFIRMED).await;
    let orders = shop.order(5).await;
    shop.all_are(&orders, "confirmed").await;
    shop.lose_the_journal().await;
    let after = shop.order(1).await;
    shop.all_are(&after, "completed").await;
    let of_journal = shop.doctor_on_journal().await;
    assert!(
        of_journal[0]["found"].as_str().is_some_and(|it| it.contains("it lacks")),
        "{of_journal:?}"
    );
    let redrive = ["dlq", "redrive", "--from-journal", "shipping", "--since", "1h"];
    let preview = [&redrive[..], &["--dry-run", "-o", "json"]].concat();
    let missed: Vec<Value> = shop.ballet(&preview).await.ends_with(3).json();
    assert_eq!(missed.len(), orders.len(), "{missed:?}");
    for event in &missed {
        assert_eq!(event["type"], CONFIRMED);
        assert!(orders.iter().any(|order| event["saga"] == order.as_str()), "{event}");
    }
    let one = missed[0]["id"].as_str().expect("an id");
    let few = shop.ballet(&[&redrive[..], &["--id", one]].concat()).await;
    // No ledger has what other services may have missed.
    few.ends_with(3).says(&["1 event sent to shipping", "the broker has lost a part of it"]);
    // All of it comes back.
    let advice = of_journal[0]["do"].as_str().expect("an advice");
    let command = advice.split('`').nth(1).expect("a command");
    let words: Vec<&str> = command.split(' ').skip_while(|word| *word != "repair").collect();
    let repaired = shop.topology_with(&words).await.ends_with(3);
    // In one reading.
    assert_eq!(repaired.err.matches("the broker has lost a part of it").count(), 1, "{repaired:?}");
    repaired.says(&["4 of 4 events sent"]);
    shop.all_are(&orders, "completed").await;
    shop.ballet(&redrive).await.ends_with(3).says(&["shipping has missed nothing"]);
    shop.all_are(&dead, "placed").await;
    let of_orders = ["dlq", "redrive", "--from-journal", "orders", "--since", "1h"];
    shop.ballet(&of_orders).await.ends_with(3).says(&["No ledger has cart.checked_out.v1"]);
    shop.close().await;
}

/// The databases confirm a complete journal.
async fn ledgers_that_agree_with_the_journal_say_that_nothing_is_lost(shop: &ShopWorld) {
    // A broker that was unavailable publishes late, so the journal's order is not that of the times.
    let clock = Clock::system();
    let of_later = clock.new_id(clock.now() + SignedDuration::from_hours(1)).to_string();
    let misspelt = json!({ "message_id": of_later });
    let management = shop.env.management();
    let sent = management.publish("events", "cart.checkedout.v1", &misspelt, "{}").await;
    assert!(sent.expect("published"));
    let orders = shop.order(3).await;
    shop.all_are(&orders, "completed").await;
    let declined = shop.new_order(&declined_checkout()).await;
    shop.order_is(&declined, "cancelled").await;
    for service in ["orders", "inventory", "payments", "shipping"] {
        // Each outcome keeps its published id. The abort came before some of the declined order.
        let without = format!(
            "select count(*) from ballet.ledger where emitted_id is null and event_type is not null \
             and (entry in ('refused', 'undone') or entry = 'done' and saga_id <> '{declined}')"
        );
        until_yields(shop.env.admin_database_url(service), &without, "0", SOON).await;
        let redrive = ["dlq", "redrive", "--from-journal", service, "--since", "1h"];
        let nothing = format!("{service} has missed nothing");
        shop.ballet(&redrive).await.ends_with(0).says(&[&nothing]);
        // Doctor expects what was recorded a minute ago.
        let earlier = "update ballet.ledger set recorded_at = recorded_at - interval '3 minutes'";
        let mut db = PgConnection::connect(shop.env.admin_database_url(service)).await.expect("it");
        assert!(sqlx::query(earlier).execute(&mut db).await.expect("set").rows_affected() > 0);
    }
    let aborts =
        "select count(*) from ballet.ledger where entry = 'aborted' and emitted_id is not null";
    until_yields(shop.env.admin_database_url("orders"), aborts, "1", SOON).await;
    assert_eq!(shop.doctor_on_journal().await, Vec::<Value>::new());
}

/// What is missing at the broker, what was missed, and what no binding took.
async fn a_repair_creates_what_is_missing_and_sends_all_that_was_lost(shop: &ShopWorld) {
    shop.unbind("shipping", CONFIRMED).await;
    let missed = shop.order(3).await;
    shop.all_are(&missed, "confirmed").await;
    shop.unbind("orders", "cart.checked_out.v1").await;
    let unrouted = shop.order(2).await;
    let come = shop.env.management().until_depth("unrouted", SOON, |depth| depth.ready == 2).await;
    come.expect("events without a binding");
    let preview = shop.topology_with(&["repair", "--since", "1h", "--dry-run"]).await.ends_with(0);
    preview.says(&["5 events would be sent, 2 of them from `unrouted`; nothing was sent"]);
    shop.all_are(&missed, "confirmed").await;
    let repaired = shop.topology_with(&["repair", "--since", "1h"]).await.ends_with(0);
    repaired.says(&["5 of 5 events sent"]);
    shop.all_are(&missed, "completed").await;
    shop.all_are(&unrouted, "completed").await;
    let again = shop.topology_with(&["repair"]).await.ends_with(0);
    again.says(&["0 of 0 events sent"]);
    shop.is_sound().await;
}

/// A crash loses the journal's end, with the notes of discards.
#[tokio::test]
async fn what_a_person_discarded_stays_so_although_the_journal_has_lost_the_note() {
    let world = CounterWorld::new("lost_note").await;
    contracts(&world);
    world.trouble("tick", true).await;
    let properties = [json!({}), json!({ "correlation_id": "no saga" })].map(|mut properties| {
        properties["message_id"] = json!(world.new_id());
        properties
    });
    let publish_all = async || {
        for properties in &properties {
            world.publish(TICKED, properties, r#"{"number": 0}"#).await;
        }
    };
    publish_all().await;
    world.dead(2).await;
    world.ballet(&["discard", "--all", "--yes"]).await.ends_with(0);
    // This journal has the events, without a note.
    let (management, vhost) = (world.env.management(), world.env.vhost());
    management.call(Method::DELETE, &["queues", vhost, "journal"], None).await.expect("lost");
    world.topology(&["apply"]).await.ends_with(0);
    world.unbind(TICKED).await;
    publish_all().await;
    world.has_ready("unrouted", 2).await;
    let missed = ended(from_journal(&world, "counter", "1h")).await.ends_with(0);
    missed.says(&["counter has missed nothing", "2 of the events"]);
    world.close().await;
}

fn from_journal(world: &CounterWorld, service: &str, since: &str) -> Command {
    let mut command = ballet(&world.env, &world.place);
    command
        .args(["dlq", "redrive", "--from-journal", service, "--since", since])
        .env("BALLET_CONTRACTS", world.place.join("clocks"))
        .env("DATABASE_URL", world.env.database_url("counter"));
    command
}

#[tokio::test]
async fn t180_what_was_missed_is_told_only_by_an_inbox_that_still_knows() {
    let world = CounterWorld::new("told").await;
    contracts(&world);
    for (service, since, code, says) in [
        ("counter", "8d", 2, "the inbox remembers what was handled since"),
        ("counter", "yesterday", 2, "neither a time such as"),
        ("counter", "2999-01-01T00:00:00Z", 2, "is in the future"),
        ("counter", "0s", 0, "counter has missed nothing"),
        ("count", "1h", 2, r#"no contract of "count", only"#),
    ] {
        ended(from_journal(&world, service, since)).await.ends_with(code).says(&[says]);
    }
    let mut alone = from_journal(&world, "counter", "1h");
    alone.env_remove("DATABASE_URL");
    ended(alone).await.ends_with(2).says(&["only the inbox of counter tells"]);
    world.close().await;
}

/// No other service would send purged messages again.
#[tokio::test]
async fn what_was_purged_at_the_broker_is_sent_again_from_the_journal() {
    let mut world = CounterWorld::new("purged").await;
    contracts(&world);
    let from_journal = async |world: &CounterWorld, code: i32| {
        ended(from_journal(world, "counter", "1h")).await.ends_with(code)
    };
    world.dead_ticks(2).await;
    assert!(from_journal(&world, 0).await.err.contains("has missed nothing"));
    world.purge("counter.dead").await;
    // Another reader may hold any, so it is unknown which were purged.
    let broker = RabbitMq::new(world.env.amqp_url("redrive")).expect("a URL");
    let session = broker.connect("test").await.expect("a connection");
    let reads = session.consume("counter.dead", "test", 1).await.expect("a reader");
    let held = from_journal(&world, 3).await;
    assert!(held.err.contains("another program is reading counter.dead"), "{held:?}");
    assert!(held.err.contains("has missed nothing"), "{held:?}");
    session.cancel("test").await.expect("cancelled");
    drop(reads);
    session.close().await;
    assert!(from_journal(&world, 0).await.err.contains("2 events sent to counter"));
    world.all_counted_once(2).await;
    world.trouble("tick", true).await;
    world.tick(TICKED, 2).await;
    world.dead(1).await;
    world.trouble("tick", false).await;
    world.ballet(&["discard", "--all", "--yes"]).await.ends_with(0);
    assert!(from_journal(&world, 0).await.err.contains("has missed nothing"));

    world.trouble_of("tick", Some(FOR_A_WHILE)).await;
    world.tick(TICKED, 3).await;
    world.retry_waits().await;
    world.lose_what_waits().await;
    world.trouble_of("tick", None).await;
    // The message may come until it is long overdue.
    assert!(from_journal(&world, 0).await.err.contains("has missed nothing"));
    world.retry_is_overdue().await;
    assert!(from_journal(&world, 0).await.err.contains("1 event sent to counter"));
    world.are_counted(3).await;
    world.close().await;
}
