//! The cleanup of tables without partitions: rows older than the windows are deleted.

use ballet_core::envelope::Limits;
use ballet_core::fault::{self, FaultPoint};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgConnection, Postgres};

use crate::database::connection::{in_long_time, in_time, patient};
use crate::ledger::open_sagas::{OpenSagas, Stages};
use crate::upkeep::chores::Chores;

/// The number of rows that one statement deletes, and the other rows of their sagas.
const PORTION: i64 = 1000;

const HANDLED_APART: &str = "delete from ballet.inbox_other where ctid = any(array(select ctid \
     from ballet.inbox_other where received_at < $1 limit $2 for update skip locked))";
/// A failed message that is still tried again does not expire. The note of a deadline
/// (`deadlines::note`, version 5 or 8) is over with its deadline, which is set once. Earlier
/// versions left it.
const FAILURES: &str = "delete from ballet.failure where ctid = any(array(select ctid \
     from ballet.failure f where (next_at is null and last_failed_at < $1) \
     or exists (select from ballet.inbox i where i.message_id = f.message_id) \
     or exists (select from ballet.inbox_other i where i.message_id = f.message_id) \
     or (handler = 'deadline' and substr(message_id::text, 15, 1) in ('5', '8') \
         and not exists (select from ballet.deadline d where d.saga_id = f.saga_id)) \
     limit $2 for update skip locked))";
const INTERVENTIONS: &str = "delete from ballet.intervention where ctid = any(array(select ctid \
     from ballet.intervention where at < $1 limit $2 for update skip locked))";
const CLOSED_CALLS: &str = "delete from ballet.call where ctid = any(array(select ctid \
     from ballet.call where closed_at < $1 limit $2 for update skip locked))";

/// Forgets an old restore, and with it what the service has missed since the backup.
const RESTORED: &str = "delete from ballet.restored where ctid = any(array(select ctid \
     from ballet.restored where restored_at < $1 limit $2 for update skip locked))";

/// Deletes rows in portions, so nothing waits long for one.
pub async fn delete(
    db: &mut PgConnection,
    limits: &Limits,
    stages: &Stages,
    now: Timestamp,
    chores: &mut Chores,
) -> Result<(), sqlx::Error> {
    // Failures come first, since the inbox shows which of them are over.
    for (table, statement, window) in [
        ("failure", FAILURES, limits.saga_window),
        ("inbox_other", HANDLED_APART, limits.inbox_window),
        ("call", CLOSED_CALLS, limits.saga_window),
        ("intervention", INTERVENTIONS, limits.saga_window),
        ("restored", RESTORED, limits.saga_window),
    ] {
        let before = (now - window).to_sqlx();
        let deleted = in_portions(db, || sqlx::query(statement).bind(before).bind(PORTION)).await;
        chores.took(table, deleted)?;
    }
    let forgotten = forget_sagas(db, limits, stages, now).await;
    chores.took("ledger_other", forgotten).map(drop)
}

/// Deletes the rows of sagas without a time in their id, all rows of a saga or none, since a part
/// of them would show a wrong state, and remembers that.
async fn forget_sagas(
    db: &mut PgConnection,
    limits: &Limits,
    stages: &Stages,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let statement = format!(
        "with old as (delete from ballet.ledger_other where saga_id = any(array(select saga_id \
             from ballet.ledger_other o where recorded_at < $8 and saga_id not in \
             (select saga_id from ballet.call where closed_at is null \
             union all select saga_id from ballet.deadline \
             union all select saga_id from ballet.failure where saga_id is not null) \
             and not exists (select from ballet.ledger_other y \
                 where y.saga_id = o.saga_id and y.recorded_at >= $8) \
             and not exists ({}) \
             limit $9 for update skip locked)) returning saga_id) \
         insert into ballet.forgotten_saga select distinct saga_id from old on conflict do nothing",
        OpenSagas::queries("ledger_other", "and r.saga_id = o.saga_id").join(" union all ")
    );
    let open = OpenSagas::new(stages, now - limits.unsettled_window);
    let before = (now - limits.saga_window).to_sqlx();
    let query =
        || open.bind(sqlx::query(AssertSqlSafe(statement.clone()))).bind(before).bind(PORTION);
    // It looks at all rows of the table for each portion.
    loop {
        let mut db = patient(db).await?;
        let deleted = in_long_time(query().execute(&mut *db)).await?.rows_affected();
        if deleted == 0 {
            return Ok(());
        }
        fault::point(FaultPoint::BeforeTables, "forget_sagas");
        in_time(db.commit()).await?;
        fault::point(FaultPoint::AfterTables, "forget_sagas");
    }
}

async fn in_portions<'q>(
    db: &mut PgConnection,
    query: impl Fn() -> Query<'q, Postgres, PgArguments>,
) -> Result<(), sqlx::Error> {
    while in_time(query().execute(&mut *db)).await?.rows_affected() > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use ballet_core::SagaId;
    use sqlx::Executor;
    use uuid::Uuid;

    use super::*;
    use crate::database::clock::now;
    use crate::pending::deadlines::note;
    use crate::schema::migrated_database::migrated;

    #[tokio::test]
    async fn the_note_of_a_deadline_goes_with_it_and_that_of_a_message_stays() {
        let (_database, mut db) = migrated("old_notes").await;
        let timed = |number: u32| Uuid::parse_str(&format!("0193f7a0-0000-7000-8000-{number:012}"));
        let [over, set, message] = [1, 2, 3].map(|number| SagaId(timed(number).expect("an id")));
        // Of a saga whose id has no time.
        let timeless = SagaId(Uuid::from_u128(4));
        for (id, saga, handler) in [
            (note(over, "trip").0, over, "deadline"),
            (note(timeless, "trip").0, timeless, "deadline"),
            (note(set, "trip").0, set, "deadline"),
            (note(message, "trip").0, message, "hold"),
            // A step of an earlier release could have any name.
            (message.0, message, "deadline"),
        ] {
            let failure = "insert into ballet.failure (message_id, saga_id, event_type, handler, reason, detail, \
                               attempts, first_failed_at, last_failed_at, next_at) \
                           values ($1, $2, '', $3, 'failed', '', 1, now(), now(), now())";
            let failure = sqlx::query(failure).bind(id).bind(saga.0).bind(handler);
            failure.execute(&mut db).await.expect("a note");
        }
        let deadline =
            "insert into ballet.deadline (saga_id, saga, due_at) values ($1, 'trip', now())";
        sqlx::query(deadline).bind(set.0).execute(&mut db).await.expect("a deadline");
        let (limits, stages) = (Limits::default(), Stages::default());
        let now = now(&mut db).await.expect("the time");
        delete(&mut db, &limits, &stages, now, &mut Chores::default()).await.expect("deleted");
        let left =
            db.fetch_all("select message_id from ballet.failure order by handler, message_id");
        let left = left.await.expect("notes").into_iter().map(|row| sqlx::Row::get(&row, 0));
        let left: Vec<Uuid> = left.collect();
        let mut expected = vec![message.0, note(set, "trip").0];
        expected.sort_unstable();
        expected.push(note(message, "trip").0);
        assert_eq!(left, expected);
    }
}
