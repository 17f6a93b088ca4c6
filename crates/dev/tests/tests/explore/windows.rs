//! Races whose window a lock in the database holds open.

use ballet::{Event, SagaId};
use ballet_stage::wait_until;
use sqlx::{AssertSqlSafe, Executor};

use crate::outside::ProviderRequest;
use crate::sale::{Authorized, Cancelled, Packed, Placed, Released};
use crate::stage::{ExploreStage, LONG};

/// Starts a service with one saga, for which the provider is prepared.
async fn stage(name: &str, is_local: bool, held: &[ProviderRequest]) -> (ExploreStage, SagaId) {
    let mut stage = ExploreStage::payments(name, is_local).await;
    stage.start(1).await;
    let saga = stage.new_sale(held, is_local);
    (stage, saga)
}

/// Counts the waiters for locks.
const WAITING: &str = "select count(*) from pg_locks l join pg_database d on d.oid = l.database \
                       where d.datname = current_database() and not granted";

fn cancelled() -> Cancelled {
    Cancelled { reason: "test".into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_and_a_step_on_two_replicas_are_one_after_the_other() {
    let (mut stage, saga) = stage("skew", true, &[]).await;
    stage.start(1).await;
    let mut db = stage.connect().await;
    // The step's transaction has done everything but its commit, and waits there.
    db.execute(
        "create function wait() returns trigger language plpgsql as
             $$ begin perform pg_advisory_xact_lock(7); return null; end $$;
         create constraint trigger wait after insert on hold deferrable initially deferred
             for each row execute function wait();
         select pg_advisory_lock(7)",
    )
    .await
    .expect("a trigger");
    stage.put(stage.new_id(), saga, &Placed {});
    stage.until(WAITING, 1).await;
    stage.put(stage.new_id(), saga, &cancelled());
    // Without the lock the abort would be through.
    let two = "select (select count(*) from pg_locks l join pg_database d on d.oid = l.database \
               where d.datname = current_database() and not granted) \
               + (select count(*) from ballet.ledger where entry = 'aborted')";
    stage.until(two, 2).await;
    db.execute("select pg_advisory_unlock(7)").await.expect("released");
    stage.settle().await;
    stage.publish_all().await;
    let live = stage.count("hold where not freed").await;
    assert_eq!(live, 0, "the step's effect is there in an aborted saga");
    assert_eq!(stage.facts().await[&saga.0].told::<Released>(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_acknowledged_before_its_commit() {
    let (mut stage, saga) = stage("ack", true, &[]).await;
    let mut db = stage.connect().await;
    db.execute("begin; lock table hold in exclusive mode").await.expect("a lock");
    stage.put(stage.new_id(), saga, &Placed {});
    stage.until(WAITING, 1).await;
    assert_eq!(stage.broker.unacked("pay"), 1, "acknowledged, and not committed");
    stage.kill();
    db.execute("commit").await.expect("released");
    stage.revive().await;
    assert_eq!(stage.count("hold").await, 1);
    stage.publish_all().await;
    assert_eq!(stage.facts().await[&saga.0].told::<Authorized>(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn t73_nothing_is_acknowledged_before_its_dead_letter_is_confirmed() {
    let (stage, saga) = stage("dead", true, &[]).await;
    stage.broker.hold_confirms();
    stage.put_raw::<Placed>(stage.new_id(), saga, b"not JSON".to_vec());
    stage.put(stage.new_id(), saga, &Placed {});
    stage.until_count("hold", 1).await;
    assert_eq!(stage.broker.ready("pay.dead").len(), 1);
    // Later deliveries are settled, so it holds up the watermark.
    assert_eq!(stage.broker.unacked("pay"), 2, "the copy is not confirmed yet");
    stage.broker.release_confirms();
    stage.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_two_processes_make_has_one_outcome() {
    let (mut stage, saga) =
        stage("twice", false, &[ProviderRequest::Authorize, ProviderRequest::Void]).await;
    stage.start(1).await;
    stage.put(stage.new_id(), saga, &Placed {});
    stage.settle().await;
    // As if the caller's claim had run out: another process makes the call as well.
    sqlx::query("update ballet.call set next_at = now()").execute(&stage.db).await.expect("due");
    let asked =
        || async { Ok::<_, String>((stage.outside.account(saga.0).asked == 2).then_some(())) };
    wait_until("both to ask", LONG, asked).await.expect("asked");
    stage.put(stage.new_id(), saga, &cancelled());
    stage.settle().await;
    stage.outside.answer(saga.0, &[ProviderRequest::Authorize]);
    stage.outside.tell();
    stage.until_count("ballet.ledger where entry = 'undoing'", 1).await;
    stage.settle().await;
    let undone = stage.count("ballet.ledger where entry = 'undone'").await;
    assert_eq!(undone, 0, "the second answer is not the undo's");
    stage.outside.answer_all();
    stage.settle().await;
    stage.publish_all().await;
    let facts = &stage.facts().await[&saga.0];
    assert_eq!((facts.told::<Released>(), facts.told::<Authorized>()), (1, 0));
    assert!(stage.outside.account(saga.0).voided);
}

#[tokio::test(flavor = "multi_thread")]
async fn t98_t119_while_a_compensation_is_put_off_no_later_step_takes_effect() {
    let (stage, saga) = stage("put_off", true, &[]).await;
    stage.put(stage.new_id(), saga, &Placed {});
    stage.settle().await;
    let mut db = stage.connect().await;
    db.execute(
        "create function stuck() returns trigger language plpgsql as
             $$ begin raise exception 'stuck'; end $$;
         create trigger stuck before update on hold for each row execute function stuck()",
    )
    .await
    .expect("a trigger");
    // The second finds the tombstone of the first, and fails all the same.
    for copies in 1..=2 {
        stage.put(stage.new_id(), saga, &cancelled());
        stage.settle().await;
        let retried = |m: &&ballet_amqp::Publish| m.exchange.starts_with("retry");
        assert_eq!(stage.broker.taken().iter().filter(retried).count(), copies);
    }
    stage.put(stage.new_id(), saga, &Packed {});
    stage.settle().await;
    assert_eq!(stage.outside.account(saga.0).asked, 0, "the later step ran in an aborted saga");
    db.execute("drop trigger stuck on hold").await.expect("dropped");
    stage.put(stage.new_id(), saga, &cancelled());
    stage.settle().await;
    stage.publish_all().await;
    assert_eq!(stage.count("hold where not freed").await, 0);
    assert_eq!(stage.facts().await[&saga.0].told::<Released>(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_while_its_table_is_being_emptied_is_published() {
    let mut stage = ExploreStage::payments("truncate", true).await;
    stage.start(1).await;
    let saga = stage.new_id();
    let (event, id) = (Authorized::TYPE, stage.new_id());
    let mut db = stage.connect().await;
    db.execute("begin").await.expect("begun");
    let (table,): (i16,) = sqlx::query_as("select ballet.take_outbox(99999)")
        .fetch_one(&mut db)
        .await
        .expect("a table");
    // A process has published one batch, and commits the next when the sweeper has looked and waits for the table.
    let race = format!(
        "insert into ballet.outbox_{table} (owner, batch, position, created_at)
             select 99999, 1, p, now() from unnest(array[0, -1]) p; commit;
         do $$ begin
             insert into ballet.outbox_{table} values (99999, 2, 0, '{id}', '{event}', '{saga}',
                 null, null, '{{}}', now());
             while not exists (select from pg_locks where not granted
                 and mode = 'AccessExclusiveLock'
                 and relation = 'ballet.outbox_{table}'::regclass) loop
                 perform pg_sleep(0.001);
             end loop;
         end $$"
    );
    for statement in race.split_inclusive("commit;") {
        db.execute(AssertSqlSafe(statement.to_owned())).await.expect("committed");
    }
    let told = || async {
        let facts = stage.facts().await;
        let told = facts.get(&saga).map_or(0, |facts| facts.told::<Authorized>());
        Ok::<_, String>((told == 1).then_some(()))
    };
    wait_until("the event", LONG, told).await.expect("published");
}
