//! A saga that only a person can end: the page previews, and then records who did it, behind a gateway the named
//! person.

use ballet_console::{Console, Role, TrustedHeader};
use reqwest::StatusCode;
use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::test_console::{TestConsole, service_databases};

/// The reservation has to be released, and an event could not be published.
fn rows(saga: Uuid) -> String {
    format!(
        r#"insert into ballet.ledger_other (saga_id, step, key, entry, arrived, ordinal, event_type, body, message_id, recorded_at)
        values ('{saga}', 'reserve_stock', '', 'done', '', 0, 'inventory.stock_reserved.v1',
                '{{"order_id":"{saga}","lines":[{{"sku":"mug","quantity":1}}]}}', gen_random_uuid(), now()),
            ('{saga}', '', 'order_fulfillment', 'aborted', '', 1, 'orders.order_cancelled.v1', null, gen_random_uuid(), now());
        {}"#,
        unpublishable(saga, 1)
    )
}

fn unpublishable(saga: Uuid, number: i64) -> String {
    format!(
        r#"insert into ballet.outbox_dead (owner, batch, position, message_id, event_type, saga_id, body, created_at, reason)
        values (7, {number}, 1, gen_random_uuid(), 'inventory.stock_reserved.v1', '{saga}', '{{}}', now(), 'too big')"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_solved_by_hand_and_what_was_not_published_is_published_again() {
    let world = TestConsole::new("console_by_hand").await;
    let (of, databases) = service_databases("by_hand", &["inventory"]).await;
    let mut db = PgConnection::connect(of["inventory"].url()).await.expect("a session");
    let saga = world.random_id();
    db.execute(AssertSqlSafe(rows(saga))).await.expect("rows");
    let console = world
        .console_with(|options| {
            options.databases = databases;
            let header = "x-forwarded-user".to_owned();
            options.trusted = Some(TrustedHeader { header, from: Vec::new(), operators: None });
        })
        .await;
    let operator = console.browser().await;
    let solved = format!("/sagas/{saga}/solved");
    let count = async |db: &mut PgConnection, of: &'static str| -> i64 {
        sqlx::query_scalar(of).fetch_one(db).await.expect("a number")
    };
    const UNDONE: &str = "select count(*) from ballet.ledger_other where entry = 'undone'";

    // And what cannot.
    let step = "step=inventory%2Freserve_stock";
    for (fields, says) in [
        (format!("act=check&{step}"), "inventory.stock_released.v1"),
        (format!("act=check&{step}"), "would be marked as solved"),
        (format!("act=check&{step}&event=%7B%22order_id%22%3A7%7D"), "order_id"),
        (format!("act=check&{step}&key=seven"), "has not run for this key"),
        ("act=check&step=payments%2Fauthorize_payment".to_owned(), "the database of payments"),
        (format!("act=solve&{step}&why="), "Say why"),
    ] {
        let (_, page) = operator.act(&solved, &solved, &fields).await;
        assert!(page.contains(says), "{fields}: {says}: {page}");
    }
    assert_eq!(count(&mut db, UNDONE).await, 0);

    // A viewer may not act, an operator may.
    let url = || world.database.url().parse().expect("a URL");
    for (name, role) in [("eve", Role::Viewer), ("ada", Role::Operator)] {
        Console::set_account(url(), name, role, "a long password").await.expect("an account");
    }
    let gateway = console.stranger();
    let mut done = String::new();
    for (name, status) in [("eve", StatusCode::FORBIDDEN), ("ada", StatusCode::SEE_OTHER)] {
        let fields = format!("act=solve&{step}&why=put+back+on+the+shelf");
        let answer = gateway.form(&solved, &fields).header("x-forwarded-user", name);
        let answer = answer.send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{name}");
        let to = answer.headers().get("location").and_then(|to| to.to_str().ok());
        done = to.unwrap_or_default().to_owned();
    }
    let page = operator.until(&done, "reserve_stock of inventory is marked as solved").await;
    assert!(page.contains("<strong>ada</strong>"), "{page}");
    assert_eq!(count(&mut db, UNDONE).await, 1);
    let by = "select count(*) from ballet.solved where solved_by = 'ada' and why = 'put back on the shelf'";
    assert_eq!(count(&mut db, by).await, 1);
    let (_, page) = operator.act(&solved, &solved, &format!("act=check&{step}")).await;
    assert!(page.contains("Nothing was changed") && page.contains("ada"), "{page}");

    // Counted, and queued again once.
    let looked = format!("/retry?service=inventory&saga={saga}");
    let page = operator.until(&looked, "Publish its events again").await;
    assert!(page.contains("<dt>events it could not publish</dt><dd dir=\"auto\">1</dd>"), "{page}");
    assert!(!page.contains("Try messages and calls again now"), "{page}");
    let again = "what=outbox&why=it+is+smaller+now";
    let (status, action) = operator.act(&looked, &looked, again).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{action}");
    operator.until(&action, "1 event put back in the outbox of inventory").await;
    assert_eq!(count(&mut db, "select count(*) from ballet.outbox_dead").await, 0);
    operator.until(&looked, "Nothing of this saga waits for a next attempt in inventory").await;

    // All sagas together.
    for number in 2..4 {
        db.execute(AssertSqlSafe(unpublishable(world.id(), number))).await.expect("a row");
    }
    let all = "/retry?service=inventory";
    operator.until("/services", all).await;
    let (_, action) = operator.act(all, all, again).await;
    operator.until(&action, "2 events put back in the outbox of inventory").await;
    operator.until(all, "Nothing waits for a next attempt in inventory").await;
    world.close().await;
}
