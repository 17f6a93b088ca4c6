//! Reads the framework's tables of one service.

use ballet_store::partitions::bound as partition_bound;
use jiff::{SignedDuration, Timestamp};
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::audit::ledger::Row;
use crate::audit::pending::{Call, Pending, Unpublished};

/// The number of sagas that are judged at a time.
const SAGAS: i64 = 5_000;
/// The most rows of a list that are read. Nobody reads a longer report.
const MOST: i64 = 1_000;
/// Message ids of this age are certainly still in the inbox, which remembers seven days.
const SURELY_IN_INBOX: SignedDuration = SignedDuration::from_hours(5 * 24);

/// The clock that the service's processes share.
pub(crate) async fn now(db: &mut PgConnection) -> Result<Timestamp, sqlx::Error> {
    let (now,): (jiff_sqlx::Timestamp,) =
        sqlx::query_as("select ballet.now()").fetch_one(db).await?;
    Ok(now.to_jiff())
}

/// Reads the open calls, the unpublished events, and those that can never be published.
pub(crate) async fn pending(db: &mut PgConnection) -> Result<Pending, sqlx::Error> {
    type At = jiff_sqlx::Timestamp;
    type Columns = (Uuid, String, String, bool, i32, Option<String>, At, Option<At>);
    let calls: Vec<Columns> = sqlx::query_as(
        "select saga_id, step, key, undo, attempts, last_error, created_at, \
             nullif(next_at, 'infinity') from ballet.call where closed_at is null order by created_at",
    )
    .fetch_all(&mut *db)
    .await?;
    let calls = calls.into_iter().map(|columns| {
        let (saga, step, key, undo, attempts, last_error, since, next_at) = columns;
        let (since, next_at) = (since.to_jiff(), next_at.map(At::to_jiff));
        Call { saga, step, key, undo, attempts, last_error, since, next_at }
    });
    let calls = calls.collect();
    let mut unpublished = Vec::new();
    let mut count = 0;
    // Their number grows behind an outage.
    let tables = "select relname::text from pg_class where relnamespace = 'ballet'::regnamespace \
                  and relkind = 'r' and relname ~ '^outbox_[0-9]+$'";
    let tables: Vec<(String,)> = sqlx::query_as(tables).fetch_all(&mut *db).await?;
    for (table,) in tables {
        let left = format!(
            "select saga_id, event_type, created_at from (select *, min(position) over \
             (partition by owner, batch) as first from ballet.{table}) as event \
             where first >= 0 order by created_at limit {MOST}"
        );
        let left: Vec<(Option<Uuid>, String, jiff_sqlx::Timestamp)> =
            sqlx::query_as(AssertSqlSafe(left)).fetch_all(&mut *db).await?;
        unpublished.extend(left.into_iter().map(|(saga, event_type, since)| Unpublished {
            saga,
            event_type,
            since: since.to_jiff(),
        }));
        let events = format!(
            "select coalesce(sum(events), 0)::bigint from (select count(*) as events \
             from ballet.{table} group by owner, batch having min(position) >= 0) as batch"
        );
        let (events,): (i64,) = sqlx::query_as(AssertSqlSafe(events)).fetch_one(&mut *db).await?;
        count += events;
    }
    let unpublishable = "select saga_id, event_type, reason from ballet.outbox_dead \
                         order by created_at limit $1";
    let unpublishable = sqlx::query_as(unpublishable).bind(MOST).fetch_all(db).await?;
    Ok(Pending { calls, unpublished, unpublished_count: count, unpublishable })
}

/// Describes the ledger rows whose message is not in the inbox although it is young enough. Their
/// effect did not commit with the inbox row, so the message could be handled again.
pub(crate) async fn without_inbox(db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let statement = "
        select saga_id, step, entry, message_id
        from (select * from ballet.ledger union all select * from ballet.ledger_other) as row
        where message_id is not null and recorded_at > ballet.now() - interval '5 days'
          and not exists (select from ballet.inbox as known where known.message_id = row.message_id)
          and not exists (select from ballet.inbox_other as known where known.message_id = row.message_id)
          and not (substring(message_id::text from 15 for 1) = '7' and message_id < $1)
        order by saga_id, ordinal limit $2";
    let oldest = partition_bound((now(db).await? - SURELY_IN_INBOX).as_second());
    let rows: Vec<(Uuid, String, String, Uuid)> =
        sqlx::query_as(statement).bind(oldest).bind(MOST).fetch_all(db).await?;
    let describe = |(saga, step, entry, message): (Uuid, String, String, Uuid)| {
        format!(
            "saga {saga}: {entry} {step} was caused by message {message}, which is not in the inbox"
        )
    };
    Ok(rows.into_iter().map(describe).collect())
}

/// The compensations that people did outside of the system: the saga, and who says what.
pub(crate) async fn by_hand(db: &mut PgConnection) -> Result<Vec<(Uuid, String)>, sqlx::Error> {
    let rows: Vec<(Uuid, String, String, String)> =
        sqlx::query_as("select saga_id, step, solved_by, why from ballet.solved")
            .fetch_all(db)
            .await?;
    let words = |(saga, step, by, why): (Uuid, String, String, String)| {
        (saga, format!("{by} compensated {step} by hand: {why}"))
    };
    Ok(rows.into_iter().map(words).collect())
}

/// The last saga of the next window; `None` if the window holds all that are left.
pub(crate) async fn window(
    db: &mut PgConnection,
    after: Option<Uuid>,
) -> Result<Option<Uuid>, sqlx::Error> {
    let statement = "
        select saga_id from (
            select distinct saga_id from (
                select saga_id from ballet.ledger where $1::uuid is null or saga_id > $1
                union all
                select saga_id from ballet.ledger_other where $1::uuid is null or saga_id > $1
            ) as row order by saga_id limit $2
        ) as saga order by saga_id offset $2 - 1";
    let last: Option<(Uuid,)> =
        sqlx::query_as(statement).bind(after).bind(SAGAS).fetch_optional(db).await?;
    Ok(last.map(|(saga,)| saga))
}

/// Sagas whose ledger rows are read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sagas<'a> {
    /// Those after the first and up to the second.
    Between(Option<Uuid>, Option<Uuid>),
    These(&'a [Uuid]),
}

/// Reads the ledger rows of these sagas.
pub(crate) async fn ledger(
    db: &mut PgConnection,
    wanted: Sagas<'_>,
) -> Result<Vec<(Uuid, Row)>, sqlx::Error> {
    let condition = match wanted {
        Sagas::Between(..) => {
            "($1::uuid is null or saga_id > $1) and ($2::uuid is null or saga_id <= $2)"
        }
        Sagas::These(_) => "saga_id = any($1)",
    };
    let statement = format!(
        "select saga_id, step, key, entry, arrived, ordinal, event_type, recorded_at
         from (select * from ballet.ledger union all select * from ballet.ledger_other) as row
         where {condition} order by saga_id, ordinal"
    );
    let query = sqlx::query_as(AssertSqlSafe(statement));
    let query = match wanted {
        Sagas::Between(after, upper) => query.bind(after).bind(upper),
        Sagas::These(sagas) => query.bind(sagas),
    };
    Ok(query.fetch_all(db).await?.into_iter().map(row).collect())
}

type Columns = (Uuid, String, String, String, String, i32, Option<String>, jiff_sqlx::Timestamp);

fn row((saga, step, key, entry, arrived, ordinal, event_type, at): Columns) -> (Uuid, Row) {
    let recorded_at = at.to_jiff();
    (saga, Row { step, key, entry, arrived, ordinal, event_type, recorded_at })
}

/// The messages that are not in the inbox.
pub(crate) async fn not_in_inbox(
    db: &mut PgConnection,
    messages: &[Uuid],
) -> Result<Vec<Uuid>, sqlx::Error> {
    let statement = "
        select id from unnest($1::uuid[]) as id
        where not exists (select from ballet.inbox where message_id = id)
          and not exists (select from ballet.inbox_other where message_id = id)";
    let rows: Vec<(Uuid,)> = sqlx::query_as(statement).bind(messages).fetch_all(db).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
