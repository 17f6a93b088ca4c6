//! The way of an event from its commit to the broker, disturbed at each place.

use ballet::{Event, SagaId};
use ballet_testkit::memory::left_by_a_gone_process;
use sqlx::{AssertSqlSafe, Executor};

use crate::sale::{Authorized, Placed};
use crate::stage::ExploreStage;

async fn authorized_once(stage: &ExploreStage, saga: SagaId) {
    stage.publish_all().await;
    let taken = stage.broker.taken();
    let of_saga = taken.iter().filter(|message| {
        let id = message.properties.correlation_id().as_ref().map(ToString::to_string);
        message.routing_key == Authorized::TYPE.name() && id == Some(saga.to_string())
    });
    assert_eq!(of_saga.count(), 1, "copies count as well");
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
    ballet_stage::wait_until("the event", crate::stage::LONG, told).await.expect("published");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_rolls_back_keeps_its_marks_and_publishes_nothing() {
    let mut stage = ExploreStage::payments("marks", true).await;
    stage.start(1).await;
    let mut db = stage.connect().await;
    let (first, second) = (stage.new_saga(), stage.new_saga());
    stage.broker.hold_confirms();
    stage.put(stage.new_id(), first, &Placed {});
    stage.settle().await;
    // The mark cannot be written alone, and waits for the next batch.
    db.execute("begin; lock table ballet.outbox_0 in share row exclusive mode")
        .await
        .expect("locked");
    stage.broker.release_confirms();
    let writers = "select count(*) from pg_locks l join pg_database d on d.oid = l.database \
                   where d.datname = current_database() and not granted \
                   and mode = 'RowExclusiveLock'";
    stage.until(writers, 1).await;
    stage.until(writers, 0).await;
    // That batch first fails at its commit.
    db.execute(
        "commit; create sequence fuse;
         create function fuse() returns trigger language plpgsql as $$ begin
             if nextval('fuse') = 1 then raise exception 'fuse' using errcode = '40001'; end if;
             return null; end $$;
         create constraint trigger fuse after insert on hold deferrable initially deferred
             for each row execute function fuse()",
    )
    .await
    .expect("a trigger");
    stage.put(stage.new_id(), second, &Placed {});
    stage.settle().await;
    authorized_once(&stage, first).await;
    authorized_once(&stage, second).await;
    assert_eq!(
        stage.number(stage.name(), "select last_value from fuse").await,
        2,
        "it failed once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_never_be_published_is_kept_with_the_reason() {
    let mut stage = ExploreStage::payments("refused", true).await;
    stage.broker.refuse_key("stock.forged.v1");
    stage.start(1).await;
    // An undeclared key beside a declared one.
    let forged = format!(
        "insert into ballet.outbox_left (owner, batch, position, message_id, event_type, saga_id, body, \
         created_at) select 99999, 1, position, id, type, '{}', '{{}}', now() \
         from (values (0, '{}'::uuid, '{}'), (1, '{}', 'stock.forged.v1')) as e (position, id, type)",
        stage.new_id(),
        stage.new_id(),
        Authorized::TYPE,
        stage.new_id(),
    );
    stage.execute(&left_by_a_gone_process(&forged)).await;
    let kept = "select count(*) from ballet.outbox_dead where reason like '%ACCESS_REFUSED%'";
    stage.until(kept, 1).await;
    stage.publish_all().await;
    assert_eq!(stage.count("ballet.outbox_dead").await, 1);
}
