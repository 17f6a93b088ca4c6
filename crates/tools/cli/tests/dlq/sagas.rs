//! `ballet sagas`: what a saga did and waits for.

use ballet_stage::wait_until;
use ballet_store::inbox::stuck::{self, StuckEntry};
use ballet_store::process;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::Mutex;

use crate::shop::{ShopWorld, checkout, declined_checkout, wrong_checkout};
use crate::world::SOON;

/// Each look is a process with a session in every database.
pub(crate) async fn until_failed(shop: &ShopWorld, service: &str, saga: &str) {
    let db = PgConnection::connect(shop.env.admin_database_url(service)).await;
    let db = Mutex::new(db.expect("a database"));
    wait_until(&format!("a failure of saga {saga}"), SOON, || async {
        let stuck = stuck::list(&mut *db.lock().await, 100).await;
        let stuck = stuck.map_err(|error| error.to_string())?;
        let is_it = |one: &StuckEntry| one.saga_id.is_some_and(|id| id.to_string() == saga);
        if stuck.iter().any(is_it) { Ok(Some(())) } else { Err(format!("{stuck:?}")) }
    })
    .await
    .expect("a failure");
}

pub(crate) async fn until_said(shop: &ShopWorld, arguments: &[&str], word: &str) -> String {
    wait_until(&format!("{word:?} in {arguments:?}"), SOON, || async {
        let said = shop.ballet(arguments).await;
        let is_said = said.code == Some(0) && said.out.contains(word);
        if is_said { Ok(Some(said.out)) } else { Err(format!("{said:?}")) }
    })
    .await
    .expect("said")
}

pub(crate) async fn none_is_open(shop: &ShopWorld) {
    until_said(shop, &["sagas", "list", "--state", "open"], "no saga fits").await;
}

/// The last part closes a database.
#[tokio::test]
async fn t169_t200_a_saga_shows_what_happened_and_what_it_waits_for_since_when() {
    let mut shop = ShopWorld::open("lanes").await;
    shop.receive("note-2", 100).await;
    a_saga_shows_what_it_waits_for(&mut shop).await;
    a_saga_that_has_ended_is_never_shown_with_something_left_to_do(&shop).await;
    a_refused_order_shows_its_dead_letter_and_its_reason(&mut shop).await;
    shop.close().await;
}

async fn a_saga_shows_what_it_waits_for(shop: &mut ShopWorld) {
    let done = shop.new_order(&checkout()).await;
    shop.order_is(&done, "completed").await;
    none_is_open(shop).await;
    let shown = shop.ballet(&["sagas", "show", &done]).await.ends_with(0).prints(&[
        "finished, began",
        "     ms  cart  orders  inventory  payments  shipping",
        "●       ·          ·         ·         orders.order_placed",
        "payments.payment_captured",
        "✓       ·          ·         ·         orders.order_completed  the saga has ended",
    ]);
    assert!(!shown.out.contains("waits because"), "{shown:?}");

    shop.stop("payments").await;
    let waits = shop.new_order(&checkout()).await;
    let event = "has not acted on inventory.stock_reserved.v1";
    until_said(shop, &["sagas", "show", &waits], event).await;
    let blocked = shop.ballet(&["sagas", "list", "--state", "blocked"]).await.succeeds();
    assert!(blocked.contains(&waits) && !blocked.contains(&done), "{blocked}");
    shop.ballet(&["sagas", "show", &waits]).await.ends_with(0).prints(&[
        "  blocked, began",
        "blocked by payments: process: it has no process",
        "inventory.stock_reserved",
        event,
        "no process of payments is",
        "its deadline passes in",
    ]);
    let json: Value =
        shop.ballet(&["sagas", "show", &waits, "-o", "json"]).await.ends_with(0).json();
    let wait = &json[0]["waits"][0];
    assert_eq!((&wait["service"], &wait["silent"]), (&json!("payments"), &json!(true)), "{json}");
    assert!(wait["since"].is_string() && json[0]["open"] == true, "{json}");

    let stuck = shop.ballet(&["sagas", "stuck"]).await.ends_with(0).prints(&["no saga is stuck"]);
    let process = "process: payments: it has no process. Do: start it";
    assert!(stuck.err.contains(process) && !stuck.err.contains("redrive"), "{stuck:?}");
    a_call_of_a_service_that_is_away_is_said_to_wait_for_it(shop).await;

    let unknown = shop.ballet(&["sagas", "show", &ShopWorld::new_id()]).await.ends_with(2);
    assert!(unknown.err.contains("no service has recorded anything"), "{unknown:?}");
    shop.start("payments", None).await;
    shop.order_is(&waits, "completed").await;
    until_said(shop, &["sagas", "stuck"], "no saga is stuck").await;
}

/// One call has not been made, the other has failed. First no process is alive, then one is frozen.
async fn a_call_of_a_service_that_is_away_is_said_to_wait_for_it(shop: &ShopWorld) {
    let mut db = PgConnection::connect(shop.env.database_url("payments")).await.expect("connected");
    let calls = "insert into ballet.call (call_key, saga_id, step, key, undo, request, owner, created_at, \
         attempts, next_at, last_error) select gen_random_uuid(), gen_random_uuid(), 'authorize_payment', \
         '', false, 'null', 0, now() - interval '2 minutes', attempts, now() - interval '1 minute', error \
         from (values (0, null), (3, 'the bank is closed')) as made (attempts, error)";
    db.execute(calls).await.expect("two calls");
    let are_blocked = async |by: &str| {
        let stuck = ["sagas", "stuck", "--service", "payments", "-o", "json"];
        let stuck = shop.ballet(&stuck).await.ends_with(0);
        assert!(stuck.err.contains(by), "{stuck:?}");
        let rows: Vec<Value> = stuck.json();
        let fails = |row: &&Value| row["waits"][0]["next_at"].is_string();
        let failing: Vec<&Value> = rows.iter().filter(fails).collect();
        assert!(failing.len() == 1 && failing[0]["state"] == "blocked", "{rows:?}");
    };
    are_blocked("process: payments: it has no process").await;

    let session =
        PgConnection::connect(shop.env.database_url("payments")).await.expect("connected");
    let (_, frozen) = process::begin(session).await.expect("a process");
    let long_ago = "update ballet.process_lease set lease_until = now() - interval '3 minutes'";
    db.execute(long_ago).await.expect("it gives no sign of life");
    are_blocked("frozen: payments: its process").await;
    frozen.close().await.expect("closed");
    db.execute("delete from ballet.call where owner = 0").await.expect("forgotten");
}

async fn a_refused_order_shows_its_dead_letter_and_its_reason(shop: &mut ShopWorld) {
    let dead = shop.new_order(&wrong_checkout()).await;
    shop.dead("orders").await;
    let shown = shop.ballet(&["sagas", "show", &dead]).await.ends_with(0).prints(&[
        "has not handled cart.checked_out.v1",
        "a dead letter",
        "quantity",
    ]);
    assert!(shown.err.contains(&format!("ballet dlq redrive --saga {dead}")), "{shown:?}");

    // A saga whose first event was discarded has only the note.
    let discard =
        ["dlq", "discard", "--id", &dead, "--yes", "--by", "ada", "--why", "a test order"];
    shop.ballet(&discard).await.ends_with(0);
    shop.ballet(&["sagas", "show", &dead]).await.ends_with(0).prints(&[
        "has not begun",
        "of orders: discarded by ada",
        "a test order",
    ]);

    let declined = shop.new_order(&declined_checkout()).await;
    shop.order_is(&declined, "cancelled").await;
    until_said(shop, &["sagas", "show", &declined], "finished").await;
    shop.ballet(&["sagas", "show", &declined]).await.ends_with(0).prints(&[
        "payments.payment_declined  refused:",
        "aborted: ",
        "stock_released  compensated",
    ]);

    // The others are read.
    shop.stop("shipping").await;
    let [shipping, admin] = ["shipping", "orders"].map(|name| shop.env.admin_database_url(name));
    let name = shipping.rsplit('/').next().expect("a name").split('?').next().expect("a name");
    let mut db = PgConnection::connect(admin).await.expect("a database");
    let close = format!("alter database {name} allow_connections false");
    db.execute(AssertSqlSafe(close)).await.expect("closed");
    for arguments in [&["sagas", "show", &declined][..], &["sagas", "stuck"]] {
        shop.ballet(arguments).await.ends_with(3).says(&["the database of shipping"]);
    }
    let open = format!("alter database {name} allow_connections true");
    db.execute(AssertSqlSafe(open)).await.expect("open again");
}

async fn a_saga_that_has_ended_is_never_shown_with_something_left_to_do(shop: &ShopWorld) {
    for _ in 0..3 {
        for _ in 0..3 {
            shop.new_order(&checkout()).await;
        }
        let listed: Vec<Value> =
            shop.ballet(&["sagas", "list", "-o", "json"]).await.ends_with(0).json();
        for saga in listed {
            let has_ended = saga["last_event"] == "orders.order_completed.v1";
            assert!(!has_ended || saga["state"] == "completed", "{saga}");
        }
    }
    none_is_open(shop).await;
}
