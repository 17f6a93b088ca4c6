//! A person compensates a step of payments outside of the system.

use std::time::Duration;

use ballet::{Clock, SagaId};
use ballet_ops::redrive::Note;
use ballet_ops::sagas::{ManualCompensation, solve};
use ballet_stage::wait_until;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection, Executor};

use crate::shop::{SOON, Shop, mugs};

/// Waits for a failed attempt first.
async fn solved(shop: &Shop, order_id: &str, step: &str, event: &Value, why: &str) {
    let clock = Clock::system();
    let part = shop::system().parts.into_iter().find(|part| part.service == "payments");
    let event = event.to_string();
    let by_hand = ManualCompensation {
        part: &part.expect("payments"),
        saga: SagaId(order_id.parse().expect("an id")),
        step,
        key: None,
        event: &|_, _: &str| Ok(Some(event.clone())),
        is_called_off: false,
        note: Note { by: "ada".into(), why: Some(why.into()), at: clock.now() },
        message_id: clock.new_id(clock.now()),
        note_id: clock.new_id(clock.now()),
    };
    wait_until("an attempt that failed", SOON, || async {
        let solved =
            solve(&mut shop.database("payments").await, &by_hand, Duration::ZERO, false).await;
        solved.map(Some).map_err(|error| error.to_string())
    })
    .await
    .expect("solved");
}

#[tokio::test]
async fn t219_money_that_a_person_paid_back_is_not_voided() {
    let mut shop = Shop::open("t219paid").await;
    // Without shipping the order is paid, but not decided.
    shop.stop("shipping").await;
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    let authorized =
        format!("select state = 'authorized' from payment where order_id = '{order_id}'");
    shop.until("payments", &authorized, true).await;
    let no_refunds = "create function no_refund() returns trigger language plpgsql as
            $$ begin raise exception 'no refunds'; end $$;
        create trigger no_refund before insert on sandbox_operation for each row
            when (new.kind = 'refund') execute function no_refund()";
    let mut payments = shop.database("payments").await;
    payments.execute(sqlx::raw_sql(no_refunds)).await.expect("forbidden");
    let mut provider = shop.silent_provider().await;
    shop.start("shipping").await;
    let is_asked = format!(
        "select exists (select from ballet.call
         where saga_id = '{order_id}' and step = 'capture_payment')"
    );
    shop.until("payments", &is_asked, true).await;
    assert_eq!(shop.cancel(&order_id).await.status(), StatusCode::ACCEPTED);
    provider.execute("commit").await.expect("it answers");
    provider.close().await.expect("closed");

    let amount = json!({ "amount_minor": 1_250, "currency": "EUR" });
    let refunded = json!({ "order_id": order_id, "amount": amount });
    solved(&shop, &order_id, "capture_payment", &refunded, "paid back at the bank").await;
    let report = shop.is_sound().await;
    assert!(report.unseen.iter().any(|line| line.contains("at the bank")), "{report}");
    let voids = "select count(*) from sandbox_operation where kind = 'void'";
    let voids: i64 = sqlx::query_scalar(voids).fetch_one(&mut payments).await.expect("a count");
    assert_eq!(voids, 0);
    payments.close().await.expect("closed");
    shop.close().await;
}
