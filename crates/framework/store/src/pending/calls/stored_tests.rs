//! Calls as their table has them: since when their keys are known, and what a person says of them.

use ballet_stage::Database;
use jiff::SignedDuration;
use sqlx::Executor;

use super::*;
use crate::ledger::entry::{NO_KEY, StepKey};
use crate::operators::restored_database::hold_aborts;
use crate::pending::calls::claims::{CallRoom, claim};
use crate::pending::calls::open::{ask_anew, give, of_step};
use crate::schema::migrated_database::migrated;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The call of a saga that began then; `None` for one whose id does not say when.
fn call_of(begun: Option<Timestamp>, number: u128, now: Timestamp) -> NewCall {
    let timed = |at: Timestamp| {
        let millis = u128::try_from(at.as_millisecond()).expect("after 1970");
        Uuid::from_u128((millis << 80) | (0x7 << 76) | (0x8 << 60) | number)
    };
    NewCall {
        key: CallKey(Uuid::from_u128(number)),
        saga_id: SagaId(begun.map_or(Uuid::from_u128(number), timed)),
        step: "pay".to_owned(),
        step_key: String::new(),
        undo: false,
        request: "null".to_owned(),
        cause: None,
        trace: None,
        asked_since: now,
        attempts: 0,
        is_repeated: false,
        is_stored: false,
        given: None,
    }
}

/// A database, and its time to the millisecond, as ids have it.
async fn tables(name: &str) -> (Database, PgConnection, Timestamp) {
    let (database, mut db) = migrated(name).await;
    let now = crate::database::clock::now(&mut db).await.expect("the time");
    let now = Timestamp::from_millisecond(now.as_millisecond()).expect("a time");
    (database, db, now)
}

/// Stores a call of a saga that began then, and returns since when the other side may know its key.
async fn asked_since(db: &mut PgConnection, begun: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let count = sqlx::query_scalar("select count(*) from ballet.call").fetch_one(&mut *db);
    let count: i64 = count.await.expect("a count");
    let mut call = call_of(begun, u128::from(count.unsigned_abs()) + 1, now);
    let one = std::slice::from_mut(&mut call);
    insert(db, 1, one, &[None], now).await.expect("stored");
    call.asked_since
}

#[tokio::test]
async fn a_call_of_a_saga_from_before_a_restore_counts_as_asked_since_the_backup() {
    let (_database, mut db, now) = tables("asked_since").await;
    let (before, since, after) = (now - 9 * HOUR, now - HOUR, now + HOUR);
    for begun in [Some(before), Some(since), Some(after), None] {
        assert_eq!(asked_since(&mut db, begun, now).await, now, "nothing was restored");
    }
    let (backup, slack) = (now - 2 * HOUR, SignedDuration::from_mins(5));
    hold_aborts(&mut db, backup, HOUR).await.expect("restored");
    // A later backup has nothing of what the first restore could not bring back.
    hold_aborts(&mut db, now, HOUR).await.expect("restored");
    for (begun, expected) in [
        (Some(before), backup - slack),
        (Some(since), since - slack),
        (Some(after), now),
        (None, backup - slack),
    ] {
        assert_eq!(asked_since(&mut db, begun, now).await, expected, "{begun:?}");
    }
    let claimed = "select count(*) from ballet.call where least(asked_since, created_at) < $1";
    let claimed = sqlx::query_scalar(claimed).bind(now.to_sqlx()).fetch_one(&mut db).await;
    assert_eq!(claimed.ok(), Some(3_i64), "as those are that are read back");
}

#[tokio::test]
async fn a_saga_without_a_time_that_is_first_heard_of_after_a_restore_was_not_asked_for_before() {
    let (_database, mut db, now) = tables("new_after").await;
    let (backup, slack) = (now - 50 * HOUR, SignedDuration::from_mins(5));
    hold_aborts(&mut db, backup, HOUR).await.expect("restored");
    let over = "update ballet.restored set restored_at = restored_at - interval '49 hours', \
                hold_until = ballet.now() - interval '48 hours'";
    db.execute(over).await.expect("over");
    // A repeated message may have waited in a retry queue when the hold ended.
    let waited = now - 48 * HOUR + SignedDuration::from_mins(30);
    let cases = [
        (vec![now], now),
        (vec![waited, now], backup - slack),
        (vec![now - 60 * HOUR], backup - slack),
        (vec![], backup - slack),
    ];
    for (number, (heard, expected)) in (1..).zip(cases) {
        let rows = "insert into ballet.ledger_other (saga_id, step, key, entry, arrived, ordinal, \
                        recorded_at) select $1, 'pay', heard::text, 'calling', '', 0, heard \
                    from unnest($2::timestamptz[]) as heard";
        let times: Vec<_> = heard.iter().copied().map(ToSqlx::to_sqlx).collect();
        let rows = sqlx::query(rows).bind(Uuid::from_u128(number)).bind(times);
        rows.execute(&mut db).await.expect("rows");
        assert_eq!(asked_since(&mut db, None, now).await, expected, "{heard:?}");
    }

    // It was repeated in the hold, failed, and a person has sent the dead letter back since.
    let failed = "insert into ballet.failure (message_id, saga_id, event_type, handler, reason, detail, attempts, \
                  first_failed_at) values ($1, $1, 'paid', 'pay', 'bug', '', 1, $2)";
    let failed = sqlx::query(failed).bind(Uuid::from_u128(1)).bind(waited.to_sqlx());
    failed.execute(&mut db).await.expect("a failure");
    db.execute("delete from ballet.call").await.expect("the saga of the first case again");
    assert_eq!(asked_since(&mut db, None, now).await, backup - slack);
}

/// Claims a call that was not made before, or one that failed. It is due again at once.
async fn claimed(db: &mut PgConnection, is_repeated: bool) -> NewCall {
    let room =
        CallRoom { step: "pay", undo: false, is_repeated, count: 1, claim_for: Duration::ZERO };
    claim(db, 1, &[room], &[]).await.expect("claimed").pop().expect("a call")
}

#[tokio::test]
async fn what_a_person_says_of_a_call_stays_until_it_is_taken_in() {
    let (_database, mut db, now) = tables("given").await;
    let mut call = call_of(None, 1, now);
    insert(&mut db, 1, std::slice::from_mut(&mut call), &[None], now).await.expect("stored");
    assert_eq!(claimed(&mut db, false).await.given, None);
    for given in [StatedOutcome::Nothing, StatedOutcome::Answer("\"yes\"".to_owned())] {
        give(&mut db, call.key.0, &given).await.expect("given");
        assert_eq!(claimed(&mut db, false).await.given, Some(given.clone()));
        // A batch takes it in, and leaves it to the next one.
        let (_, answer) = given.stored();
        let closed = close(&mut db, &[(call.key, answer)], now).await.expect("closed");
        assert!(closed.contains(&call.key));
        reopen(&mut db, &[call.key]).await.expect("left");
        assert_eq!(claimed(&mut db, false).await.given, Some(given));
    }
    ask_anew(&mut db, call.key.0).await.expect("made");
    let anew = claimed(&mut db, false).await;
    assert_eq!((anew.given, anew.attempts), (None, 0));
    assert!(anew.asked_since >= now, "its key is as old as that: {}", anew.asked_since);
}

#[tokio::test]
async fn a_call_whose_key_is_used_again_was_taken_by_nobody_yet() {
    let (_database, mut db, now) = tables("used_again").await;
    let mut call = call_of(None, 1, now);
    let at = StepKey { step: "pay", key: NO_KEY };
    // The second time the ledger has forgotten the first.
    for _ in 0..2 {
        insert(&mut db, 1, std::slice::from_mut(&mut call), &[None], now).await.expect("stored");
        let open = of_step(&mut db, call.saga_id.0, at, false).await.expect("read").expect("open");
        assert!(!open.is_taken, "a person may still say what became of it");
        db.execute("update ballet.call set taken_at = ballet.now()").await.expect("taken");
        close(&mut db, &[(call.key, Some("null"))], now).await.expect("closed");
    }
}

#[tokio::test]
async fn what_a_person_says_of_a_call_is_taken_in_before_the_calls_that_are_due_for_longer() {
    let (_database, mut db, now) = tables("given_first").await;
    let mut calls = [1, 2].map(|number| call_of(None, number, now));
    insert(&mut db, 1, &mut calls, &[None, None], now).await.expect("stored");
    // Enough calls fail that one has been due since before the other was requested.
    let failed = "update ballet.call set attempts = 1, last_error = '500', next_at = case \
                      when call_key = $1 then created_at - interval '1 hour' else 'infinity' end";
    let [longest, aside] = calls.map(|call| call.key);
    sqlx::query(failed).bind(longest.0).execute(&mut db).await.expect("failed");
    assert_eq!(claimed(&mut db, true).await.key, longest);
    sqlx::query(failed).bind(longest.0).execute(&mut db).await.expect("failed");
    give(&mut db, aside.0, &StatedOutcome::Nothing).await.expect("given");
    let first = claimed(&mut db, true).await;
    assert_eq!((first.key, first.given), (aside, Some(StatedOutcome::Nothing)));
}
