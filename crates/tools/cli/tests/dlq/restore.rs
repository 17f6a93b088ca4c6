//! `ballet restore`: a service's database comes from a backup, while others went on.

use ballet::core::Part;
use ballet_testkit::command::CommandOutput;
use ballet_testkit::until_yields;
use reqwest::Url;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::companies::Companies;
use crate::shop::{ShopWorld, checkout};
use crate::world::SOON;

pub(crate) struct Backup {
    server: Url,
    name: String,
    owner: String,
    pub(crate) taken: String,
}

impl Backup {
    pub(crate) async fn take(shop: &ShopWorld, service: &str) -> Self {
        let owned: Url = shop.env.database_url(service).parse().expect("a URL");
        let mut server: Url = shop.env.admin_database_url(service).parse().expect("a URL");
        let name = server.path().trim_start_matches('/').to_owned();
        server.set_path("/postgres");
        let taken = ballet::Clock::system().now().to_string();
        let backup = Self { server, name, owner: owned.username().to_owned(), taken };
        let (name, owner) = (&backup.name, &backup.owner);
        backup.run(&format!("create database {name}_b template {name} owner {owner}")).await;
        backup
    }

    /// The service runs before and after.
    pub(crate) async fn of(shop: &mut ShopWorld, service: &'static str) -> Self {
        shop.stop(service).await;
        let backup = Self::take(shop, service).await;
        shop.start(service, None).await;
        backup
    }

    pub(crate) async fn restore(&self) {
        let name = &self.name;
        self.run(&format!("drop database {name} with (force)")).await;
        self.run(&format!("alter database {name}_b rename to {name}")).await;
    }

    async fn run(&self, sql: &str) {
        let mut db = PgConnection::connect(self.server.as_str()).await.expect("a server");
        db.execute(AssertSqlSafe(sql.to_owned())).await.expect(sql);
    }
}

/// The service is started when the command asks for it.
pub(crate) async fn restored(
    shop: &mut ShopWorld,
    service: &'static str,
    taken: &str,
) -> CommandOutput {
    restored_within(shop, service, &["restore", service, "--backup", taken], "120").await
}

pub(crate) async fn restored_within(
    shop: &mut ShopWorld,
    service: &'static str,
    arguments: &[&str],
    patience: &str,
) -> CommandOutput {
    let arguments = [arguments, &["--patience", patience]].concat();
    let mut child = shop.command(&arguments).spawn().expect("the command");
    let mut lines = BufReader::new(child.stderr.take().expect("its words")).lines();
    let mut said = String::new();
    while let Some(line) = lines.next_line().await.expect("a line") {
        said += &format!("{line}\n");
        if line.contains(&format!("start {service} now")) {
            shop.start(service, None).await;
        }
    }
    let ended = CommandOutput::from(child.wait_with_output().await.expect("its end"));
    CommandOutput { err: said, ..ended }
}

/// A crashed broker loses the end of its journal. Only what others know shows that.
#[tokio::test]
async fn a_restore_does_not_believe_a_journal_that_has_lost_its_end() {
    let mut shop = ShopWorld::open("restored_lost").await;
    let before = shop.order(2).await;
    shop.all_are(&before, "completed").await;
    let backup = Backup::of(&mut shop, "payments").await;
    let after = shop.order(3).await;
    shop.all_are(&after, "completed").await;
    shop.lose_the_journal().await;
    let later = shop.order(1).await;
    shop.all_are(&later, "completed").await;
    shop.stop("payments").await;
    backup.restore().await;
    let check = ["restore", "payments", "--backup", &backup.taken, "--check"];
    shop.ballet(&check).await.ends_with(3).says(&["the broker has lost a part of it"]);
    // The others' ledgers have what steps published, so payments is where they are.
    let restored = restored(&mut shop, "payments", &backup.taken).await.ends_with(3);
    restored.says(&["the journal lacks", "what the broker has lost cannot be compared"]);
    let paid = "select count(*) from payment where state = 'captured'";
    until_yields(shop.env.admin_database_url("payments"), paid, "6", SOON).await;
    shop.is_sound().await;
    shop.close().await;
}

/// The company has not answered.
pub(crate) async fn is_asked(shop: &ShopWorld, service: &str, step: &str, order: &str) {
    let asked = format!(
        "select count(*) from ballet.call where saga_id = '{order}' and step = '{step}' \
         and last_error is not null"
    );
    until_yields(shop.env.admin_database_url(service), &asked, "1", SOON).await;
}

/// Returns one with held money and a booked parcel, while `away` does not run.
pub(crate) async fn cancelled_without(
    shop: &mut ShopWorld,
    companies: &Companies,
    away: &str,
) -> String {
    companies.hold_captures(true);
    let order = shop.order(1).await.remove(0);
    is_asked(shop, "payments", "capture_payment", &order).await;
    shop.stop(away).await;
    let url = format!("{}/orders/{order}/cancel", shop.url("orders"));
    let cancelled = shop.http.post(&url).send().await.expect("an answer");
    assert!(cancelled.status().is_success(), "{cancelled:?}");
    shop.order_is(&order, "cancelled").await;
    companies.hold_captures(false);
    order
}

#[tokio::test]
async fn t204_whichever_service_is_restored_the_bank_and_the_carrier_do_nothing_twice() {
    let companies = Companies::default();
    let mut shop = ShopWorld::open_beside(companies.clone(), "outside").await;
    shop.receive("note-2", 100).await;
    let (mut completed, mut cancelled) = (Vec::new(), Vec::new());
    let system = shop::system();
    // Inventory neither decides nor calls anybody.
    let is_meant = |part: &&Part| !part.sagas.is_empty() && part.service != "inventory";
    for service in system.parts.iter().filter(is_meant).map(|part| part.service) {
        let backup = Backup::of(&mut shop, service).await;
        completed.extend(shop.order(2).await);
        shop.all_are(&completed, "completed").await;
        // The journal has no HTTP requests to orders.
        if service == "orders" {
            shop.stop(service).await;
        } else {
            cancelled.push(cancelled_without(&mut shop, &companies, service).await);
        }
        backup.restore().await;
        let restore = ["restore", service, "--backup", &backup.taken];
        let check = [&restore[..], &["--check", "-o", "json"]].concat();
        if service == "shipping" {
            let differ: Vec<Value> = shop.ballet(&check).await.ends_with(3).json();
            assert!(differ.len() >= 2, "{differ:?}");
            let plan = [&restore[..], &["--dry-run"]].concat();
            shop.ballet(&plan).await.ends_with(0).says(&["nothing was sent"]);
        }
        restored(&mut shop, service, &backup.taken).await.ends_with(0);
        shop.all_are(&completed, "completed").await;
        shop.is_sound().await;
        if service == "shipping" {
            shop.ballet(&check).await.ends_with(0);
            let running = ["restore", service, "--backup", "0s"];
            shop.ballet(&running).await.ends_with(2).says(&["a process of shipping is running"]);
        }
        for order in &completed {
            let once = ["authorize", "book", "capture", "deliver"];
            assert_eq!(companies.did(order), once, "{order}, after {service}");
        }
        for order in &cancelled {
            let did = companies.did(order);
            let voided = ["authorize", "book", "cancel", "void"];
            let refunded = ["authorize", "book", "cancel", "capture", "refund"];
            assert!(did == voided || did == refunded, "{order}, after {service}: {did:?}");
        }
    }
    shop.close().await;
}

async fn retries_are(database: &str, wanted: i64) {
    let count = "select count(distinct saga_id) from ballet.failure f where next_at is not null \
                 and not exists (select from ballet.inbox i where i.message_id = f.message_id)";
    until_yields(database, count, &wanted.to_string(), 4 * SOON).await;
}

#[tokio::test]
async fn a_restored_service_hears_what_it_had_failed_to_handle_and_aborts_nothing() {
    let mut shop = ShopWorld::open("failed").await;
    a_restored_participant_hears_what_it_had_failed_to_handle(&mut shop).await;
    a_restored_owner_aborts_nothing_and_a_saga_that_began_in_it_is_named(&mut shop).await;
    shop.close().await;
}

/// It failed at the backup and was handled since, so no copy comes again.
async fn a_restored_participant_hears_what_it_had_failed_to_handle(shop: &mut ShopWorld) {
    shop.stop("inventory").await;
    // Every body is too long, so the message dies.
    shop.start("inventory", Some(8)).await;
    let mut orders = shop.order(1).await;
    shop.dead("inventory").await;
    shop.stop("inventory").await;
    shop.start("inventory", None).await;
    let database = shop.env.admin_database_url("inventory").to_owned();
    let mut db = shop.database("inventory").await;
    db.execute("alter table reservation rename to spoilt").await.expect("renamed");
    orders.extend(shop.order(2).await);
    retries_are(&database, 2).await;
    shop.stop("inventory").await;
    db.close().await.expect("closed");
    let backup = Backup::take(shop, "inventory").await;
    let mend = "alter table spoilt rename to reservation";
    let mut db = shop.database("inventory").await;
    db.execute(mend).await.expect("renamed");
    shop.start("inventory", None).await;
    shop.ballet(&["dlq", "redrive", "--all"]).await.ends_with(0);
    shop.all_are(&orders, "completed").await;
    shop.is_sound().await;

    shop.stop("inventory").await;
    db.close().await.expect("closed");
    backup.restore().await;
    // A failing service has not caught up.
    let few = ["restore", "inventory", "--backup", &backup.taken];
    let said = restored_within(shop, "inventory", &few, "5").await.ends_with(3).both();
    let fails = said.contains("What failed is tried again") || said.contains("are dead letters");
    assert!(fails, "{said}");
    let mut db = shop.database("inventory").await;
    db.execute(mend).await.expect("renamed");
    retries_are(&database, 0).await;
    // The later events lacked what they build on.
    shop.ballet(&["dlq", "redrive", "--all"]).await.ends_with(0);
    shop.is_sound().await;
    let check = [&few[..], &["--check"]].concat();
    shop.ballet(&check).await.ends_with(0);
    shop.all_are(&orders, "completed").await;
}

async fn a_restored_owner_aborts_nothing_and_a_saga_that_began_in_it_is_named(
    shop: &mut ShopWorld,
) {
    shop.stop("payments").await;
    let open = shop.order(1).await;
    shop.order_is(&open[0], "placed").await;
    let backup = Backup::of(shop, "orders").await;
    shop.start("payments", None).await;
    // The journal has messages from outside, but no HTTP requests.
    let dropped = shop.order(1).await;
    let url = format!("{}/orders", shop.url("orders"));
    let placed = shop.http.post(&url).json(&checkout()).send().await.expect("an answer");
    let placed: Value = placed.json().await.expect("JSON");
    let placed = placed["order_id"].as_str().expect("an id").to_owned();
    shop.all_are(&[open[0].clone(), dropped[0].clone(), placed.clone()], "completed").await;

    shop.stop("orders").await;
    backup.restore().await;
    // Meanwhile the deadline of a paid order has passed.
    let mut db = shop.database("orders").await;
    let passed = "update ballet.deadline set due_at = now() - interval '1 minute'";
    assert_eq!(db.execute(passed).await.expect("passed").rows_affected(), 1);
    // The saga's events wait for its beginning, and die.
    let restore = ["restore", "orders", "--backup", &backup.taken];
    let ended = restored_within(shop, "orders", &restore, "30").await.ends_with(3);
    ended.tells(&["1 deadline put off"]);
    shop.all_are(&[open[0].clone(), dropped[0].clone()], "completed").await;
    let check = ["restore", "orders", "--backup", &backup.taken, "--check", "-o", "json"];
    let differ: Vec<Value> = shop.ballet(&check).await.ends_with(3).json();
    let sagas: Vec<_> = differ.iter().map(|row| row["saga"].clone()).collect();
    assert_eq!(sagas, [json!(placed)], "{differ:?}");
    let before = differ[0]["published_before"].to_string();
    assert!(before.contains("orders.order_placed.v1"), "{before}");
}
