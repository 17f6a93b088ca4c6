//! A call that only a person can answer: the page previews, and then records who answered.

use reqwest::StatusCode;
use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::test_console::{PLACED, TestConsole, service_databases};

/// It is set aside: the bank may have forgotten its key.
fn rows(saga: Uuid) -> String {
    format!(
        "insert into ballet.ledger_other (saga_id, step, key, entry, arrived, ordinal, event_type, body, message_id, recorded_at)
        values ('{saga}', 'authorize_payment', '', 'calling', '', 0, null, null, null, now());
        insert into ballet.call (call_key, saga_id, step, key, undo, request, owner, attempts, last_error, created_at, next_at)
        values (gen_random_uuid(), '{saga}', 'authorize_payment', '', false, '{{}}', 0, 3, 'no answer', now(), 'infinity')"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waits_for_a_person_is_answered_and_who_did_it_is_kept() {
    let world = TestConsole::new("console_answers").await;
    let (of, databases) = service_databases("answers", &["payments"]).await;
    let mut db = PgConnection::connect(of["payments"].url()).await.expect("a session");
    let saga = world.random_id();
    db.execute(AssertSqlSafe(rows(saga))).await.expect("rows");
    let console = world.console_with(|options| options.databases = databases).await;
    let operator = console.browser().await;
    let count = async |db: &mut PgConnection, of: &'static str| -> i64 {
        sqlx::query_scalar(of).fetch_one(db).await.expect("a number")
    };

    world.publish(vec![world.event(PLACED, saga, None, "{}")]).await;
    let answer = format!("/sagas/{saga}/answer");
    operator.until(&format!("/sagas/{saga}"), &answer).await;
    // And what cannot.
    let step = "step=payments%2Fauthorize_payment";
    let declined = "answer=%7B%22declined%22%3A%7B%22reason%22%3A%22said_by_phone%22%7D%7D";
    for (fields, says) in [
        (format!("act=check&{step}"), "one of the two"),
        (format!("act=check&{step}&{declined}&nothing_done=yes"), "one of the two"),
        (format!("act=check&{step}&answer=declined"), "the answer is no JSON"),
        (format!("act=check&{step}&{declined}&key=seven"), "has not run for this key"),
        (
            format!("act=check&step=payments%2Fcapture_payment&{declined}"),
            "capture_payment has not taken effect",
        ),
        (format!("act=check&{step}&nothing_done=yes"), "makes the call, as if it were new"),
        (format!("act=check&{step}&{declined}"), "takes the answer in"),
        (format!("act=answer&{step}&{declined}&why="), "Say why"),
    ] {
        let (_, page) = operator.act(&answer, &answer, &fields).await;
        assert!(page.contains(says), "{fields}: {says}: {page}");
    }
    const GIVEN: &str = "select count(*) from ballet.call where given is not null";
    assert_eq!(count(&mut db, GIVEN).await, 0);

    let fields = format!("act=answer&{step}&{declined}&why=asked+the+bank");
    let (status, action) = operator.act(&answer, &answer, &fields).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{action}");
    let page = operator.until(&action, "Within seconds payments takes the answer in").await;
    assert!(page.contains("the call of authorize_payment is noted"), "{page}");
    let given = "select count(*) from ballet.call where given = 'answer' and next_at <= now() \
                 and answer = '{\"declined\":{\"reason\":\"said_by_phone\"}}'";
    assert_eq!(count(&mut db, given).await, 1);
    let by = "select count(*) from ballet.intervention \
              where act = 'answered' and done_by = 'operator' and why = 'asked the bank'";
    assert_eq!(count(&mut db, by).await, 1);
    let says = ">answers</a> the call of authorize_payment";
    let page = operator.until(&format!("/sagas/{saga}"), says).await;
    assert_eq!(page.matches("asked the bank").count(), 1, "{page}");
    world.close().await;
}
