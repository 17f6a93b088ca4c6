//! A service's missed events are found in the journal, and sent once.

use ballet::Clock;
use ballet_amqp::{Broker, RabbitMq};
use ballet_stage::Method;
use ballet_testkit::command::{CommandOutput, ended};
use ballet_testkit::until_yields;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::publish::contracts;
use crate::shop::{ShopWorld, checkout, declined_checkout};
use crate::topology::topology;
use crate::world::{CounterWorld, FOR_A_WHILE, SOON, TICKED};

pub(crate) const CONFIRMED: &str = "orders.order_confirmed.v1";
const AUTHORIZED: &str = "payments.payment_authorized.v1";

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

    /// Sends what was missed, or only says it.
    async fn repair(&self, code: i32, more: &[&str]) -> CommandOutput {
        let repair = [&["repair", "--since", "1h"], more].concat();
        self.topology_with(&repair).await.ends_with(code)
    }

    async fn has_missed_nothing(&self) {
        // What nobody declares may lie in `unrouted`.
        let preview = ["repair", "--since", "1h", "--dry-run"];
        self.topology_with(&preview).await.says(&["0 events would be sent"]);
    }
}

#[tokio::test]
async fn t180_what_was_lost_without_a_binding_is_sent_once_by_a_repair() {
    let shop = ShopWorld::open("missed").await;
    shop.receive("note-2", 100).await;
    a_repair_creates_what_is_missing_and_sends_all_that_was_lost(&shop).await;
    events_that_no_binding_took_are_sent_to_the_services_that_consume_them(&shop).await;
    shop.close().await;
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

    let stay = [
        "1 event stays in `unrouted`, cart.checkedout.v1: no service declares its type",
        "1 event stays in `unrouted`, payments.payment_authorized.v1: its type is \"payments",
    ];
    shop.repair(3, &["--dry-run"]).await.says(&["3 of them from `unrouted`"]);
    shop.repair(3, &[]).await.says(&stay);
    shop.all_are(&orders, "completed").await;
    shop.repair(3, &[]).await.says(&["0 of 0 events sent", stay[0]]);
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
    shop.has_missed_nothing().await;

    // Refused events are dead letters under the same ids, whose time must not break the search.
    let never = "ffffffff-ffff-7fff-8fff-ffffffffffff";
    send(&json!({ "message_id": never }), &checkout()).await;
    send(&json!({ "correlation_id": never }), &checkout()).await;
    send(&json!({ "content_type": ce_type }), &structured(never)).await;
    send(&json!({ "headers": attributes(never) }), &checkout()).await;
    let come = management.until_depth("orders.dead", SOON, |depth| depth.ready == 4).await;
    come.expect("dead letters of orders");
    shop.has_missed_nothing().await;
    shop.close().await;
}

impl ShopWorld {
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
    let lost = "the broker has lost a part of it";
    let missed = format!("shipping has missed {} of {CONFIRMED}", orders.len());
    shop.repair(3, &["--dry-run"]).await.says(&[
        lost,
        &missed,
        "No ledger has cart.checked_out.v1",
    ]);
    // All of it comes back, in one reading.
    let repaired = shop.repair(3, &[]).await;
    assert_eq!(repaired.err.matches(lost).count(), 1, "{repaired:?}");
    repaired.says(&["5 of 5 events sent"]);
    shop.all_are(&orders, "completed").await;
    shop.repair(3, &[]).await.says(&["0 of 0 events sent"]);
    shop.all_are(&dead, "placed").await;
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
    }
    let aborts =
        "select count(*) from ballet.ledger where entry = 'aborted' and emitted_id is not null";
    until_yields(shop.env.admin_database_url("orders"), aborts, "1", SOON).await;
    shop.has_missed_nothing().await;
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

pub(crate) async fn repair(world: &CounterWorld, since: &str, code: i32) -> CommandOutput {
    let mut command = topology(&world.env, &world.place, &["repair", "--since", since]).await;
    command
        .env("BALLET_CONTRACTS", world.place.join("clocks"))
        .env("DATABASE_URL", world.env.database_url("counter"));
    ended(command).await.ends_with(code)
}

/// No other service would send purged messages again.
#[tokio::test]
async fn what_was_purged_at_the_broker_is_sent_again_from_the_journal() {
    let mut world = CounterWorld::new("purged").await;
    contracts(&world);
    world.dead_ticks(2).await;
    for (since, code, says) in [
        ("8d", 2, "the inbox remembers what was handled since"),
        ("2999-01-01T00:00:00Z", 2, "is in the future"),
        ("1h", 0, "0 of 0 events sent"),
    ] {
        repair(&world, since, code).await.says(&[says]);
    }
    world.purge("counter.dead").await;
    // Another reader may hold any, so it is unknown which were purged.
    let broker = RabbitMq::new(world.env.amqp_url("redrive")).expect("a URL");
    let session = broker.connect("test").await.expect("a connection");
    let reads = session.consume("counter.dead", "test", 1).await.expect("a reader");
    let held = repair(&world, "1h", 3).await;
    held.says(&["another program is reading counter.dead", "0 of 0 events sent"]);
    session.cancel("test").await.expect("cancelled");
    drop(reads);
    session.close().await;
    repair(&world, "1h", 0).await.says(&["2 of 2 events sent"]);
    world.all_counted_once(2).await;
    world.trouble("tick", true).await;
    world.tick(TICKED, 2).await;
    world.dead(1).await;
    world.trouble("tick", false).await;
    world.ballet(&["discard", "--all", "--yes"]).await.ends_with(0);
    repair(&world, "1h", 0).await.says(&["0 of 0 events sent"]);

    world.trouble_of("tick", Some(FOR_A_WHILE)).await;
    world.tick(TICKED, 3).await;
    world.retry_waits().await;
    world.lose_what_waits().await;
    world.trouble_of("tick", None).await;
    // The message may come until it is long overdue.
    repair(&world, "1h", 0).await.says(&["0 of 0 events sent"]);
    world.retry_is_overdue().await;
    repair(&world, "1h", 0).await.says(&["1 of 1 event sent"]);
    world.are_counted(3).await;
    world.close().await;
}
