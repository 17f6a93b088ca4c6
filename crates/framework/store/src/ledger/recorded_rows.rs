//! The ledger as it is read from outside of the engine: whole sagas, and which sagas there are.

use futures_util::TryStreamExt;
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, PgConnection, Row as _};
use uuid::Uuid;

use crate::ledger::entry::{Entry, StepKey};
use crate::ledger::rows::table;
use crate::ledger::standing::{self, RowFields};

/// A row of the ledger, without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRow {
    /// The step. A tombstone has none.
    pub step: String,
    /// Its key; of a tombstone the saga's name.
    pub key: String,
    /// The state that the row records.
    pub entry: Entry,
    /// The event that arrived for a join.
    pub arrived: String,
    /// Its place among the rows of the saga.
    pub ordinal: i32,
    /// The type of the event.
    pub event_type: Option<String>,
    /// When it was added.
    pub recorded_at: Timestamp,
}

/// A row of the ledger with its body and its cause.
#[derive(Debug)]
pub struct RowWithBody {
    /// The rest of it.
    pub row: RecordedRow,
    /// The event.
    pub body: Option<String>,
    /// The message that caused it.
    pub cause: Option<Uuid>,
}

impl standing::LedgerLine for RecordedRow {
    fn line(&self) -> RowFields<'_> {
        let Self { step, key, entry, ordinal, .. } = self;
        RowFields { at: StepKey { step, key }, entry: *entry, ordinal: *ordinal }
    }
}

impl standing::LedgerLine for RowWithBody {
    fn line(&self) -> RowFields<'_> {
        self.row.line()
    }
}

impl FromRow<'_, PgRow> for RecordedRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            step: row.try_get("step")?,
            key: row.try_get("key")?,
            entry: Entry::of(row)?,
            arrived: row.try_get("arrived")?,
            ordinal: row.try_get("ordinal")?,
            event_type: row.try_get("event_type")?,
            recorded_at: row.try_get::<jiff_sqlx::Timestamp, _>("recorded_at")?.to_jiff(),
        })
    }
}

/// Both tables of the ledger.
const BOTH: &str =
    "(select * from ballet.ledger union all select * from ballet.ledger_other) as row";

/// Reads the rows of one saga, in the order in which they were added.
pub async fn of_saga(db: &mut PgConnection, saga: Uuid) -> Result<Vec<RowWithBody>, sqlx::Error> {
    let statement = format!("select * from {BOTH} where saga_id = $1 order by ordinal");
    let rows = sqlx::query(AssertSqlSafe(statement)).bind(saga).fetch_all(db).await?;
    let recorded = |row: &PgRow| {
        let (body, cause) = (row.try_get("body")?, row.try_get("message_id")?);
        Ok(RowWithBody { row: RecordedRow::from_row(row)?, body, cause })
    };
    rows.iter().map(recorded).collect()
}

/// Sagas whose rows are read.
#[derive(Debug, Clone, Copy)]
pub enum SagaSelection<'a> {
    /// The sagas after the first id and up to the second.
    Between(Option<Uuid>, Option<Uuid>),
    /// The sagas with these ids.
    These(&'a [Uuid]),
}

/// Reads the rows of these sagas, saga by saga in the order in which they were added.
pub async fn of_sagas(
    db: &mut PgConnection,
    wanted: SagaSelection<'_>,
) -> Result<Vec<(Uuid, RecordedRow)>, sqlx::Error> {
    let condition = match wanted {
        SagaSelection::Between(..) => {
            "($1::uuid is null or saga_id > $1) and ($2::uuid is null or saga_id <= $2)"
        }
        SagaSelection::These(_) => "saga_id = any($1)",
    };
    let statement = format!(
        "select saga_id, step, key, entry, arrived, ordinal, event_type, recorded_at \
         from {BOTH} where {condition} order by saga_id, ordinal"
    );
    let query = sqlx::query(AssertSqlSafe(statement));
    let query = match wanted {
        SagaSelection::Between(after, upper) => query.bind(after).bind(upper),
        SagaSelection::These(sagas) => query.bind(sagas),
    };
    let rows = query.fetch_all(db).await?;
    rows.iter().map(|row| Ok((row.try_get("saga_id")?, RecordedRow::from_row(row)?))).collect()
}

/// Returns the last of the next `count` sagas; `None` if no more than that are left.
pub async fn window(
    db: &mut PgConnection,
    after: Option<Uuid>,
    count: i64,
) -> Result<Option<Uuid>, sqlx::Error> {
    let statement = "
        select saga_id from (
            select distinct saga_id from (
                select saga_id from ballet.ledger where $1::uuid is null or saga_id > $1
                union all
                select saga_id from ballet.ledger_other where $1::uuid is null or saga_id > $1
            ) as row order by saga_id limit $2
        ) as saga order by saga_id offset $2 - 1";
    sqlx::query_scalar(statement).bind(after).bind(count).fetch_optional(db).await
}

/// Returns the last `count` sagas before one, the last first. With a text, only those with it in
/// their events, or with a match of the regular expression.
pub async fn before(
    db: &mut PgConnection,
    before: Option<Uuid>,
    count: i64,
    text: Option<&str>,
    pattern: Option<&str>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    let statement = "
        select distinct saga_id from (
            (select distinct saga_id from ballet.ledger
             where ($1::uuid is null or saga_id < $1)
                 and ($3::text is null or position($3 in body) > 0 or body ~ $4)
             order by saga_id desc limit $2)
            union all
            (select distinct saga_id from ballet.ledger_other
             where ($1::uuid is null or saga_id < $1)
                 and ($3::text is null or position($3 in body) > 0 or body ~ $4)
             order by saga_id desc limit $2)
        ) as row order by saga_id desc limit $2";
    let query = sqlx::query_scalar(statement).bind(before).bind(count).bind(text).bind(pattern);
    query.fetch_all(db).await
}

/// Shows each event of these types in which a text stands: its saga, type and body.
pub async fn with_text(
    db: &mut PgConnection,
    types: &[&str],
    text: &str,
    mut each: impl FnMut(Uuid, &str, &str),
) -> Result<(), sqlx::Error> {
    let statement = "
        select saga_id, event_type, body from ballet.ledger
        where event_type = any($1) and position($2 in body) > 0
        union all
        select saga_id, event_type, body from ballet.ledger_other
        where event_type = any($1) and position($2 in body) > 0";
    let mut rows = sqlx::query(statement).bind(types).bind(text).fetch(db);
    while let Some(row) = rows.try_next().await? {
        each(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    }
    Ok(())
}

/// A row whose message is not in the inbox: the saga, the step, what it records, and the message.
pub type WithoutMessage = (Uuid, String, String, Uuid);

/// Returns rows of the last five days whose message is not in the inbox, except messages older than
/// the first of these ids.
pub async fn without_message(
    db: &mut PgConnection,
    oldest: Uuid,
    limit: i64,
) -> Result<Vec<WithoutMessage>, sqlx::Error> {
    let statement = format!(
        "select saga_id, step, entry, message_id from {BOTH} \
         where message_id is not null and recorded_at > ballet.now() - interval '5 days' \
           and not exists (select from ballet.inbox i where i.message_id = row.message_id) \
           and not exists (select from ballet.inbox_other i where i.message_id = row.message_id) \
           and not (substring(message_id::text from 15 for 1) = '7' and message_id < $1) \
         order by saga_id, ordinal limit $2"
    );
    sqlx::query_as(AssertSqlSafe(statement)).bind(oldest).bind(limit).fetch_all(db).await
}

/// A compensation that nobody but a person knows of.
#[derive(Debug)]
pub struct ByHand<'a> {
    /// The saga.
    pub saga: Uuid,
    /// The step.
    pub at: StepKey<'a>,
    /// The place of the row.
    pub ordinal: i32,
    /// The type, body and message id of the event that says it.
    pub event: Option<(&'a str, &'a str, Uuid)>,
    /// The message that asked for it.
    pub cause: Option<Uuid>,
}

/// Records a compensation. The saga is locked by the caller.
pub async fn compensated(db: &mut PgConnection, by_hand: &ByHand<'_>) -> Result<(), sqlx::Error> {
    let ByHand { saga, at, ordinal, event, cause } = by_hand;
    let statement = format!(
        "insert into ballet.{} (saga_id, step, key, entry, arrived, ordinal, event_type, body, \
         message_id, emitted_id, recorded_at) \
         values ($1, $2, $3, $4, '', $5, $6, $7, $8, $9, ballet.now())",
        table(*saga)
    );
    sqlx::query(AssertSqlSafe(statement))
        .bind(saga)
        .bind(at.step)
        .bind(at.key)
        .bind(Entry::Compensated.as_str())
        .bind(ordinal)
        .bind(event.map(|(event_type, ..)| event_type))
        .bind(event.map(|(_, body, _)| body))
        .bind(cause)
        .bind(event.map(|(.., id)| id))
        .execute(db)
        .await
        .map(drop)
}
