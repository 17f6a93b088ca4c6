//! Old ledger partitions are dropped, except those in which something is open.

use ballet_stage::wait_until;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use crate::lifecycle::work_at_all_times;
use crate::trip::{DESK_TABLES, desk};
use crate::world::{SOON, TripWorld, part, the_hotel};

/// Each saga of the year 2000 has a partition of its own: its age in days, its rows, and whether they keep the
/// partition.
const OLD: [(&str, i64, &str, bool); 8] = [
    // As far as the hotel knows, it may be aborted for a year.
    ("00dc6acf-0001", 364, "('book_room', 'done')", true),
    ("00dc6acf-0002", 366, "('book_room', 'done')", false),
    ("00dc6acf-0003", 999, "('', 'aborted'), ('book_room', 'done')", true),
    ("00dc6acf-0004", 0, "('', 'aborted'), ('book_room', 'done'), ('book_room', 'undone')", false),
    ("00dc6acf-0005", 999, "('book_room', 'done'), ('book_room', 'undoing')", true),
    ("00dc6acf-0006", 0, "('book_room', 'refused')", false),
    ("00dc6acf-0007", 0, "('', 'aborted')", false),
    (UNDECIDED, 999, "('book_trip', 'done')", true),
];

/// The saga whose deadline is never due.
const UNDECIDED: &str = "00dc6acf-0008";

/// The owner knows how a saga ended.
const OLD_AT_THE_OWNER: [(&str, i64, &str, bool); 4] = [
    ("00dc6acf-0001", 999, "('book_trip', 'done')", true),
    ("00dc6acf-0002", 999, "('accept_trip', 'done')", true),
    ("00dc6acf-0003", 0, "('book_trip', 'done'), ('confirm_trip', 'done')", false),
    ("00dc6acf-0004", 0, "('accept_trip', 'done'), ('', 'aborted')", false),
];

async fn make_old(db: &mut PgConnection, sagas: &[(&str, i64, &str, bool)]) {
    for (number, (id, days, rows, _)) in sagas.iter().enumerate() {
        let day = number + 1;
        let sql = format!(
            "create table ballet.ledger_2000010{day} partition of ballet.ledger for values from \
             ('{id}-0000-0000-000000000000') to ('{id}-ffff-0000-000000000000');
             insert into ballet.ledger (saga_id, step, entry, key, arrived, ordinal, recorded_at) \
             select '{id}-7000-8000-000000000000', step, entry, '', '', 0, \
             now() - interval '{days} days' \
             from (values {rows}) as row (step, entry)"
        );
        db.execute(AssertSqlSafe(sql)).await.expect("an old partition");
    }
}

fn kept(sagas: &[(&str, i64, &str, bool)]) -> Vec<String> {
    let kept = sagas.iter().enumerate().filter(|(_, (.., kept))| *kept);
    kept.map(|(number, _)| format!("ledger_2000010{}", number + 1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_saga_that_its_owner_has_not_decided_is_kept() {
    let mut world = TripWorld::new("owners_memory", vec![part(desk(), DESK_TABLES)]).await;
    let mut db = world.database("desk").await;
    make_old(&mut db, &OLD_AT_THE_OWNER).await;
    work_at_all_times(&mut db).await;
    world.start(part(desk(), DESK_TABLES)).await;
    until_partitions(&mut db, &kept(&OLD_AT_THE_OWNER)).await;
}

async fn partitions(db: &mut PgConnection) -> Vec<String> {
    let sql =
        "select relname::text from pg_class where relname ~ '^ledger_2000[0-9]{4}$' order by 1";
    let rows: Vec<(String,)> = sqlx::query_as(sql).fetch_all(db).await.expect("names");
    rows.into_iter().map(|(name,)| name).collect()
}

async fn until_partitions(db: &mut PgConnection, expected: &[String]) {
    let db = tokio::sync::Mutex::new(db);
    wait_until("old partitions", SOON, || async {
        let found = partitions(*db.lock().await).await;
        if found == expected { Ok(Some(())) } else { Err(format!("{found:?}")) }
    })
    .await
    .expect("the partitions");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_ledger_partition_goes_unless_something_in_it_is_open() {
    let mut world = TripWorld::hotel("memory").await;
    let mut db = world.database("hotel").await;
    make_old(&mut db, &OLD).await;
    work_at_all_times(&mut db).await;
    let deadline = format!(
        "insert into ballet.deadline (saga_id, saga, due_at) \
         values ('{UNDECIDED}-7000-8000-000000000000', 'trip', 'infinity')"
    );
    db.execute(AssertSqlSafe(deadline)).await.expect("a deadline");
    world.start(the_hotel()).await;
    until_partitions(&mut db, &kept(&OLD)).await;

    let ends = "insert into ballet.ledger (saga_id, step, entry, key, arrived, ordinal, recorded_at) \
                select distinct saga_id, 'book_room', 'undone', '', '', 9, now() from ballet.ledger \
                where saga_id < '01000000-0000-0000-0000-000000000000'";
    db.execute(ends).await.expect("ended");
    db.execute("delete from ballet.deadline").await.expect("decided");
    world.services.truncate(0);
    world.start(the_hotel()).await;
    until_partitions(&mut db, &[]).await;
}
