//! The trail of persons' actions: who, when, what, why, and the outcome. An action is written before it is done, and
//! outlasts what is derived from the journal.

use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, PgPool, Row as _};
use uuid::Uuid;

const MOST: i64 = 200;
/// Without a sign of progress for this long, an action has ended with its console.
const BEAT: &str = "30 seconds";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActionState {
    Running,
    Done,
    Partly,
    /// Nothing was done, or the outcome is unknown.
    Failed,
}

impl ActionState {
    const ALL: [Self; 4] = [Self::Running, Self::Done, Self::Partly, Self::Failed];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Partly => "partly",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Deed {
    pub(crate) act: &'static str,
    pub(crate) what: String,
    pub(crate) service: Option<String>,
    pub(crate) saga: Option<Uuid>,
    pub(crate) message: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct NewAction<'a> {
    pub(crate) id: Uuid,
    pub(crate) by: &'a str,
    pub(crate) why: &'a str,
    pub(crate) deed: &'a Deed,
}

#[derive(Debug, Clone)]
pub(crate) struct RecordedAction {
    pub(crate) id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) by: String,
    pub(crate) act: String,
    pub(crate) what: String,
    pub(crate) service: Option<String>,
    pub(crate) saga: Option<Uuid>,
    pub(crate) why: String,
    pub(crate) standing: ActionState,
    /// The outcome in words, one sentence a line.
    pub(crate) outcome: String,
}

pub(crate) async fn begin(pool: &PgPool, new: &NewAction<'_>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into console.action (id, by, act, what, service, saga, message, why) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(new.id)
    .bind(new.by)
    .bind(new.deed.act)
    .bind(&new.deed.what)
    .bind(&new.deed.service)
    .bind(new.deed.saga)
    .bind(&new.deed.message)
    .bind(new.why)
    .execute(pool)
    .await
    .map(drop)
}

/// Records the progress of an action, or its end.
pub(crate) async fn goes_on(
    pool: &PgPool,
    id: Uuid,
    standing: ActionState,
    outcome: &str,
) -> Result<(), sqlx::Error> {
    let update =
        "update console.action set beat = now(), standing = $2, outcome = $3 where id = $1";
    sqlx::query(update)
        .bind(id)
        .bind(standing.as_str())
        .bind(outcome.replace('\0', "\u{2400}"))
        .execute(pool)
        .await
        .map(drop)
}

async fn read(
    pool: &PgPool,
    which: &str,
    id: Option<Uuid>,
) -> Result<Vec<RecordedAction>, sqlx::Error> {
    let select = format!(
        "select id, at, by, act, what, service, saga, why, outcome, \
             case when standing = 'running' and beat < now() - interval '{BEAT}' then 'failed' \
             else standing end as standing \
         from console.action {which} order by at desc limit {MOST}"
    );
    sqlx::query_as(AssertSqlSafe(select)).bind(id).fetch_all(pool).await
}

pub(crate) async fn last(pool: &PgPool) -> Result<Vec<RecordedAction>, sqlx::Error> {
    read(pool, "where $1::uuid is null", None).await
}

pub(crate) async fn one(pool: &PgPool, id: Uuid) -> Result<Option<RecordedAction>, sqlx::Error> {
    Ok(read(pool, "where id = $1", Some(id)).await?.pop())
}

/// Returns the actions on a saga, with those on groups that took messages of it along: the journal has who did what.
pub(crate) async fn of_saga(pool: &PgPool, saga: Uuid) -> Result<Vec<RecordedAction>, sqlx::Error> {
    let of_group = "where saga = $1 or (saga is null and (service, by, why) in ( \
        select service, who, why from console.entry where saga = $1 and who is not null))";
    read(pool, of_group, Some(saga)).await
}

pub(crate) async fn of_message(
    pool: &PgPool,
    message: Uuid,
) -> Result<Vec<RecordedAction>, sqlx::Error> {
    read(pool, "where message = $1::text", Some(message)).await
}

impl FromRow<'_, PgRow> for RecordedAction {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let standing: &str = row.try_get("standing")?;
        let standing = ActionState::ALL.into_iter().find(|one| one.as_str() == standing);
        Ok(Self {
            id: row.try_get("id")?,
            at: row.try_get::<jiff_sqlx::Timestamp, _>("at")?.to_jiff(),
            by: row.try_get("by")?,
            act: row.try_get("act")?,
            what: row.try_get("what")?,
            service: row.try_get("service")?,
            saga: row.try_get("saga")?,
            why: row.try_get("why")?,
            standing: standing.unwrap_or(ActionState::Failed),
            outcome: row.try_get("outcome")?,
        })
    }
}
