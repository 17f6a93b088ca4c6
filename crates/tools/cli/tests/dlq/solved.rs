//! `ballet sagas solved` and `stop`: an operator compensates a step, reports how a call ended, and stops a saga.

use ballet::core::fault::FaultPoint;
use ballet_stage::wait_until;
use ballet_testkit::command::{CommandOutput, ended, has_all};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::process::Command;

use crate::sagas::{until_failed, until_said};
use crate::shop::{ShopWorld, checkout, declined_checkout};
use crate::world::SOON;

const RELEASED: &str = "inventory.stock_released.v1";
const STEP: [&str; 2] = ["--step", "reserve_stock"];
const WHY: [&str; 2] = ["--why", "put back on the shelf, case 4711"];

/// Inventory can no longer release stock.
async fn forbid(shop: &ShopWorld) {
    let forbid = "create function forbid() returns trigger language plpgsql as \
             $$ begin raise exception 'the warehouse has burnt down'; end $$; \
         create trigger forbid before update on reservation for each row \
             when (new.state = 'released') execute function forbid()";
    shop.database("inventory").await.execute(sqlx::raw_sql(forbid)).await.expect("forbidden");
}

/// Its stock is not released.
async fn stuck(shop: &ShopWorld) -> String {
    let id = shop.new_order(&declined_checkout()).await;
    until_failed(shop, "inventory", &id).await;
    until_said(shop, &["sagas", "stuck"], &id).await;
    shop.order_is(&id, "cancelled").await;
    id
}

fn command(shop: &ShopWorld, saga: &str, more: &[&str]) -> Command {
    shop.command(&[&["sagas", "solved", saga], &STEP[..], more].concat())
}

async fn solved(shop: &ShopWorld, saga: &str, more: &[&str]) -> CommandOutput {
    ended(command(shop, saga, more)).await
}

async fn dies(shop: &ShopWorld, mut command: Command, point: FaultPoint, label: &str) {
    let place = shop.place.join(format!("{}-{label}", point.name()));
    std::fs::create_dir_all(&place).expect("a directory");
    std::fs::write(place.join("aim"), format!("{}@{label}", point.name())).expect("an aim");
    let killed = command.env("BALLET_FAULTS", &place).output().await.expect("it runs");
    assert_eq!(killed.status.code(), None, "{killed:?}");
}

async fn count(shop: &ShopWorld, what: &str) -> i64 {
    let statement = format!("select count(*) from {what}");
    let mut db = shop.database("inventory").await;
    sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&mut db).await.expect("a number")
}

/// The last part leaves stock that only a person can put back.
#[tokio::test]
async fn t151_t153_what_a_person_stops_answers_or_solves_is_done_once_with_name_and_reason() {
    let mut shop = ShopWorld::open("solved").await;
    a_saga_is_stopped_by_its_owner_once_and_not_after_its_decision(&mut shop).await;
    what_the_bank_says_to_a_person_is_the_answer_to_a_call_that_was_set_aside(&shop).await;
    a_stuck_undo_is_solved_by_hand_and_who_did_it_and_why_is_kept(&shop).await;
    shop.close().await;
}

async fn a_stuck_undo_is_solved_by_hand_and_who_did_it_and_why_is_kept(shop: &ShopWorld) {
    let completed = shop.new_order(&checkout()).await;
    shop.order_is(&completed, "completed").await;
    forbid(shop).await;
    let saga = stuck(shop).await;
    let undone = format!("ballet.ledger where entry = 'undone' and saga_id = '{saga}'");

    for (saga, more, code, said) in [
        (&saga, &[][..], 2, "--why TEXT"),
        (&saga, &[WHY[0], WHY[1], "--service", "shipping"], 1, "no step `reserve_stock`"),
        (&saga, &[WHY[0], WHY[1], "--key", "seven"], 1, "has not run for this key"),
        (&completed, &WHY, 1, "has received no abort of this saga"),
        (&ShopWorld::new_id(), &WHY, 1, "has done nothing in saga"),
    ] {
        solved(shop, saga, more).await.ends_with(code).says(&[said]);
    }
    std::fs::write(shop.place.join("body.json"), r#"{"order_id": 7}"#).expect("written");
    let wrong = solved(shop, &saga, &[WHY[0], WHY[1], "--event", "body.json"]).await.ends_with(1);
    assert!(wrong.err.contains("order_id") && wrong.err.contains("stock_released"), "{wrong:?}");
    let plan = solved(shop, &saga, &[WHY[0], WHY[1], "--dry-run"]).await.ends_with(0);
    assert!(plan.out.contains(RELEASED) && plan.out.contains(&saga));
    assert!(plan.err.contains("nothing was changed"), "{plan:?}");
    assert_eq!(count(shop, "ballet.solved").await, 0);

    // Before it has committed, and after.
    for (point, left) in [(FaultPoint::BeforeTables, 0), (FaultPoint::AfterTables, 1)] {
        dies(shop, command(shop, &saga, &WHY), point, "solved").await;
        assert_eq!(count(shop, "ballet.solved").await, left);
        assert_eq!(count(shop, &undone).await, left);
    }
    let again = solved(shop, &saga, &WHY).await.ends_with(1);
    let noted = "ada has solved it by hand (put back on the shelf, case 4711)";
    assert!(again.err.contains(noted), "{again:?}");
    shop.ballet(&["sagas", "show", &saga]).await.ends_with(0).prints(&[
        "stock_released  compensated",
        "by hand by ada",
        "case 4711",
    ]);

    // The failed message finds nothing to do.
    let retry = ["inbox", "retry", "inventory", "--saga", &saga];
    shop.ballet(&retry).await.ends_with(0);
    until_said(shop, &["sagas", "stuck"], "no saga is stuck").await;
    until_said(shop, &["sagas", "show", &saga], "finished").await;
    assert_eq!(count(shop, &undone).await, 1);
    assert_eq!(count(shop, "reservation where state = 'held'").await, 1, "the person's to correct");
    let json: Value =
        shop.ballet(&["sagas", "show", &saga, "-o", "json"]).await.ends_with(0).json();
    let note = &json[0]["solved"][0];
    assert_eq!((&note["by"], &note["service"]), (&json!("ada"), &json!("inventory")), "{json}");
    assert!(note["last_error"].as_str().expect("a reason").contains("burnt down"), "{json}");

    // Once, with a person's body.
    let second = stuck(shop).await;
    let body = json!({ "order_id": second, "lines": [] });
    std::fs::write(shop.place.join("body.json"), body.to_string()).expect("written");
    let own = [WHY[0], WHY[1], "--event", "body.json"];
    let (one, other) = tokio::join!(solved(shop, &second, &own), solved(shop, &second, &own));
    let mut codes = [one.code, other.code];
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(1)], "{one:?} {other:?}");
    let said = if one.code == Some(0) { one } else { other };
    assert!(said.err.contains("inbox retry inventory --saga"), "{said:?}");
    shop.ballet(&["inbox", "retry", "inventory", "--all"]).await.ends_with(0);
    for saga in [&saga, &second] {
        let seen = ["tap", "--since", "1h", "--until", "now", "--saga", saga, "-o", "jsonl"];
        let published = wait_until("the event", SOON, || async {
            let seen = tap(shop, &seen).await;
            let count = seen.lines().filter(|line| line.contains(RELEASED)).count();
            if count > 0 { Ok(Some(count)) } else { Err(seen) }
        });
        assert_eq!(published.await.expect("published"), 1);
    }
}

async fn what_the_bank_says_to_a_person_is_the_answer_to_a_call_that_was_set_aside(
    shop: &ShopWorld,
) {
    let url = shop.env.admin_database_url("payments");
    let mut payments = PgConnection::connect(url).await.expect("a database");
    let away = "alter table sandbox_operation rename to away";
    payments.execute(away).await.expect("the bank is away");
    let saga = shop.new_order(&checkout()).await;
    until_failed(shop, "payments", &saga).await;
    until_said(shop, &["sagas", "stuck"], &saga).await;
    // The bank may have forgotten the call's key.
    wait_until("a pause between two attempts", SOON, || async {
        let mut db = PgConnection::connect(url).await.map_err(|error| error.to_string())?;
        let aside = "update ballet.call set next_at = 'infinity' \
                     where owner = 0 and attempts > 0 and closed_at is null";
        let set = db.execute(aside).await.map_err(|error| error.to_string())?;
        Ok::<_, String>((set.rows_affected() == 1).then_some(()))
    })
    .await
    .expect("set aside");

    let say = async |more: &[&str]| {
        let command = ["sagas", "solved", &saga, "--step", "authorize_payment"];
        shop.ballet(&[&command[..], more].concat()).await
    };
    let why = ["--why", "asked the bank, case 4712"];
    let declined = json!({ "declined": { "reason": "said_by_phone" } });
    std::fs::write(shop.place.join("answer.json"), declined.to_string()).expect("written");
    let told = [why[0], why[1], "--answer", "answer.json"];
    for (more, code, said) in [
        (&["--nothing-done"][..], 2, "--why TEXT"),
        (&why, 1, "--answer FILE"),
        (&[told[0], told[1], told[2], told[3], "--nothing-done"], 2, "cannot be used with"),
    ] {
        say(more).await.ends_with(code).says(&[said]);
    }
    let plan = say(&[&told[..], &["--dry-run"]].concat()).await.ends_with(0);
    assert!(plan.err.contains("takes the answer in; nothing was changed"), "{plan:?}");
    say(&told).await.ends_with(0).says(&["within seconds payments takes the answer in"]);
    shop.order_is(&saga, "cancelled").await;
    shop.ballet(&["sagas", "show", &saga]).await.ends_with(0).prints(&[
        "payment_declined",
        "a call to the outside",
        "answered by ada",
        "case 4712",
    ]);
    say(&told).await.ends_with(1).says(&["waits for no answer"]);
    let back = "alter table away rename to sandbox_operation";
    payments.execute(back).await.expect("it is back");
    payments.close().await.expect("closed");
    shop.is_sound().await;
}

pub(crate) async fn tap(shop: &ShopWorld, arguments: &[&str]) -> String {
    let mut command = shop.command(arguments);
    command.env("AMQP_URL", shop.env.amqp_url("tap"));
    ended(command).await.succeeds()
}

async fn a_saga_is_stopped_by_its_owner_once_and_not_after_its_decision(shop: &mut ShopWorld) {
    let completed = shop.new_order(&checkout()).await;
    shop.order_is(&completed, "completed").await;
    shop.stop("payments").await;
    let saga = shop.new_order(&checkout()).await;
    until_said(shop, &["sagas", "show", &saga], "inventory.stock_reserved").await;
    let stop = async |saga: &str, more: &[&str]| {
        shop.ballet(&[&["sagas", "stop", saga], more].concat()).await
    };
    let why = ["--why", "the customer is gone\nsaga 1  done"];
    for (saga, more, code, said) in [
        (&saga, &[][..], 2, "--why TEXT"),
        (&saga, &[why[0], why[1], "--saga", "nothing"], 2, "can be stopped: order_fulfillment"),
        (&completed, &why, 1, "it is decided or aborted, has not begun"),
        (&ShopWorld::new_id(), &why, 1, "it is decided or aborted, has not begun"),
        (&saga, &[why[0], why[1], "--dry-run"], 0, "would be stopped: orders would abort it"),
    ] {
        stop(saga, more).await.ends_with(code).says(&[said]);
    }
    // Before it has committed, and with another saga after.
    let another = shop.new_order(&checkout()).await;
    until_said(shop, &["sagas", "show", &another], "inventory.stock_reserved").await;
    for (saga, point) in [(&saga, FaultPoint::BeforeTables), (&another, FaultPoint::AfterTables)] {
        let command = shop.command(&["sagas", "stop", saga, why[0], why[1]]);
        dies(shop, command, point, "stopped").await;
    }
    shop.order_is(&another, "cancelled").await;
    let (one, other) = tokio::join!(stop(&saga, &why), stop(&saga, &why));
    let mut codes = [one.code, other.code];
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(1)], "{one:?} {other:?}");
    shop.order_is(&saga, "cancelled").await;
    stop(&saga, &why).await.ends_with(1).says(&["it is decided or aborted"]);
    shop.start("payments", None).await;
    let shown = until_said(shop, &["sagas", "show", &saga], "finished").await;
    has_all(&shown, &["aborted: deadline_passed", "stock_released  compensated", "stopped by ada"]);
    // A person's text is on one line.
    has_all(&shown, &["the customer is gone saga 1  done"]);
    shop.order_is(&completed, "completed").await;
    shop.is_sound().await;
    assert_eq!(count(shop, "reservation where state = 'held'").await, 0);
}
