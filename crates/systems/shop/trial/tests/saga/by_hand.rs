//! A person compensates a step of payments outside of the system.

use ballet::{Clock, SagaId};
use ballet_ops::redrive::Note;
use ballet_ops::sagas::{ManualCompensation, solve};
use ballet_stage::wait_until;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection, Executor};

use crate::shop::{SOON, Shop, mugs};

/// Records that a person compensated a step of payments, once an attempt has failed.
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
        let solved = solve(&mut shop.database("payments").await, &by_hand, false).await;
        solved.map(Some).map_err(|error| error.to_string())
    })
    .await
    .expect("solved");
}

/// Places an order that is paid but not decided, because shipping is away.
async fn authorised(shop: &mut Shop) -> String {
    shop.stop("shipping").await;
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    wait_until("the authorisation", SOON, || async {
        let payment = shop.payment(&order_id).await;
        if payment["state"] == "authorized" { Ok(Some(())) } else { Err(payment.to_string()) }
    })
    .await
    .expect("authorised");
    order_id
}

#[tokio::test]
async fn t219_a_void_that_hangs_or_was_solved_by_a_person_is_no_violation() {
    let mut shop = Shop::open("t219").await;
    let order_id = authorised(&mut shop).await;
    let mut provider = shop.silent_provider().await;
    assert_eq!(shop.cancel(&order_id).await.status(), StatusCode::ACCEPTED);
    shop.start("shipping").await;
    let waits = wait_until("the void to be all that is open", SOON, || async {
        let report = shop.audit().await?;
        assert!(report.is_clean(), "{report}");
        let is_void =
            |line: &String| line.contains("authorize_payment") && line.contains("to undo it");
        let others = report.open.iter().filter(|line| !is_void(line) && !line.contains(&order_id));
        let all = report.open.iter().any(is_void) && others.count() == 0;
        if all { Ok(Some(report)) } else { Err(report.to_string()) }
    });
    let report = waits.await.expect("a void that hangs");
    let words =
        format!("order {order_id} is cancelled, but its payment is authorized: its saga goes on");
    assert!(report.open.contains(&words), "{report}");

    // The provider answers that it cannot act: a person may.
    provider.execute("alter table sandbox_operation rename to away; commit").await.expect("away");
    let voided = json!({ "order_id": order_id });
    solved(&shop, &order_id, "authorize_payment", &voided, "voided by phone").await;
    provider.execute("alter table away rename to sandbox_operation").await.expect("back");
    provider.close().await.expect("closed");
    let report = shop.is_sound().await;
    let said = report.unseen.iter().any(|line| line.contains("ada") && line.contains("by phone"));
    assert!(said, "{report}");
    shop.close().await;
}

#[tokio::test]
async fn t219_money_that_a_person_paid_back_is_not_voided() {
    let mut shop = Shop::open("t219paid").await;
    let order_id = authorised(&mut shop).await;
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
    shop.until("payments", &is_asked).await;
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
