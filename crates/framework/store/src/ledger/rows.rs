//! The step ledger: the progress of this service's steps in each saga.
//!
//! Rows are only added. The state of a step is its latest entry. The tombstone, which covers every
//! step and key of a saga, is a row without a step. Its key is the saga's name, because two sagas
//! may share an id. A step's name is unique in its service, so the other rows need no saga.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use ballet_core::{MessageId, SagaId};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row as _};
use uuid::Uuid;

use crate::ledger::entry::{Entry, StepKey};
use crate::ledger::event::EncodedEvent;
use crate::ledger::standing::{self, LedgerLine, RowFields};

/// One row of the ledger. A row read from the table has no body at first.
#[derive(Debug, Clone)]
pub struct LedgerRow {
    pub step: String,
    pub key: String,
    pub entry: Entry,
    /// The event that arrived for a join.
    pub arrived: String,
    pub ordinal: i32,
    pub event: Option<EncodedEvent>,
    /// The message id of the event, if it was emitted. It is not read from the table.
    emitted: Option<MessageId>,
    /// The body, once it was read from the table.
    stored: Option<String>,
    pub cause: Option<MessageId>,
}

impl LedgerRow {
    /// Returns the body of the event, if it is in memory.
    pub fn body(&self) -> Option<Cow<'_, str>> {
        let added = self.event.as_ref().map(|event| String::from_utf8_lossy(&event.body));
        added.or_else(|| self.stored.as_deref().map(Cow::Borrowed))
    }
}

impl LedgerLine for LedgerRow {
    fn line(&self) -> RowFields<'_> {
        let Self { step, key, entry, ordinal, .. } = self;
        RowFields { at: StepKey { step, key }, entry: *entry, ordinal: *ordinal }
    }
}

/// The ledger rows of the sagas that a transaction works on: those read and those added.
#[derive(Debug, Default)]
pub struct Ledger {
    rows: HashMap<SagaId, Vec<LedgerRow>>,
    added: Vec<(SagaId, usize)>,
}

impl Ledger {
    /// Takes in a row of `ballet.receive_batch`. Rows arrive saga by saga, each in its order.
    pub fn take_in(&mut self, row: &PgRow) -> Result<(), sqlx::Error> {
        let saga = SagaId(row.try_get("saga_id")?);
        self.rows.entry(saga).or_default().push(LedgerRow {
            step: row.try_get("step")?,
            key: row.try_get("key")?,
            entry: Entry::of(row)?,
            arrived: row.try_get("arrived")?,
            ordinal: row.try_get("ordinal")?,
            event: None,
            emitted: None,
            stored: None,
            cause: None,
        });
        Ok(())
    }

    /// Returns the rows under one saga id, in the order in which they were added.
    pub fn rows(&self, saga: SagaId) -> &[LedgerRow] {
        self.rows.get(&saga).map_or(&[], Vec::as_slice)
    }

    /// Returns those of some sagas that have no time in their id and no row here, and whose rows were
    /// deleted.
    pub async fn forgotten_without_time(
        &self,
        db: &mut PgConnection,
        sagas: impl Iterator<Item = SagaId>,
    ) -> Result<Option<SagaId>, sqlx::Error> {
        let unknown =
            |saga: &SagaId| !ballet_core::id::is_timed(saga.0) && self.rows(*saga).is_empty();
        let unknown: Vec<Uuid> = sagas.filter(unknown).map(|saga| saga.0).collect();
        if unknown.is_empty() {
            return Ok(None);
        }
        let select = "select saga_id from ballet.forgotten_saga where saga_id = any($1) limit 1";
        let found: Option<(Uuid,)> =
            sqlx::query_as(select).bind(unknown).fetch_optional(db).await?;
        Ok(found.map(|(saga,)| SagaId(saga)))
    }

    /// Returns the state of a step, or `None` if it has not begun.
    pub fn state(&self, saga: SagaId, step: &str, key: &str) -> Option<Entry> {
        standing::state(self.rows(saga), StepKey { step, key })
    }

    /// Returns how often a step has passed through a state.
    pub fn count(&self, saga: SagaId, at: StepKey<'_>, entry: Entry) -> usize {
        let is_it =
            |row: &&LedgerRow| row.step == at.step && row.key == at.key && row.entry == entry;
        self.rows(saga).iter().filter(is_it).count()
    }

    /// Adds a row. The transaction writes it before it commits, see
    /// [`to_write`](Self::to_write).
    pub fn add(&mut self, saga: SagaId, row: NewRow<'_>) {
        let rows = self.rows.entry(saga).or_default();
        let ordinal = rows.last().map_or(0, |last| last.ordinal + 1);
        rows.push(LedgerRow {
            step: row.step.to_owned(),
            key: row.key.to_owned(),
            entry: row.entry,
            arrived: row.arrived.to_owned(),
            ordinal,
            event: row.event,
            emitted: row.emitted,
            stored: None,
            cause: row.cause,
        });
        self.added.push((saga, rows.len() - 1));
    }

    /// Returns the rows that are not written yet.
    pub fn added(&self) -> impl Iterator<Item = &LedgerRow> {
        self.added.iter().map(|(saga, at)| &self.rows[saga][*at])
    }

    /// Returns the event of a row, from memory or from the table.
    pub async fn body(
        &self,
        db: &mut PgConnection,
        saga: SagaId,
        row: &LedgerRow,
    ) -> Result<Option<String>, sqlx::Error> {
        if let Some(body) = row.body() {
            return Ok(Some(body.into_owned()));
        }
        let statement = format!(
            "select body from ballet.{} where saga_id = $1 and step = $2 and key = $3 \
             and entry = $4 and arrived = $5",
            table(saga.0)
        );
        let found: Option<(Option<String>,)> = sqlx::query_as(AssertSqlSafe(statement))
            .bind(saga.0)
            .bind(&row.step)
            .bind(&row.key)
            .bind(row.entry.as_str())
            .bind(&row.arrived)
            .fetch_optional(db)
            .await?;
        Ok(found.and_then(|(body,)| body))
    }

    /// Reads the outcomes of done steps of some sagas, so [`body`](Self::body) has them in memory.
    pub async fn read_outcomes(
        &mut self,
        db: &mut PgConnection,
        sagas: &[SagaId],
        steps: &[&str],
    ) -> Result<(), sqlx::Error> {
        let (timed, other) = split(sagas.iter().map(|saga| saga.0), |saga| *saga);
        for sagas in [timed, other] {
            let Some(any) = sagas.first() else { continue };
            let statement = format!(
                "select saga_id, step, key, body from ballet.{} where saga_id = any($1) \
                 and step = any($2) and entry = 'done' and body is not null",
                table(*any)
            );
            let rows: Vec<(Uuid, String, String, String)> =
                sqlx::query_as(AssertSqlSafe(statement))
                    .bind(&sagas)
                    .bind(steps)
                    .fetch_all(&mut *db)
                    .await?;
            let bodies = rows.into_iter().map(|(saga, step, key, body)| ((saga, step, key), body));
            let mut bodies: HashMap<(Uuid, String, String), String> = bodies.collect();
            for saga in sagas {
                let rows = self.rows.entry(SagaId(saga)).or_default();
                for row in rows.iter_mut().filter(|row| row.entry == Entry::Done) {
                    let read = bodies.remove(&(saga, row.step.clone(), row.key.clone()));
                    row.stored = read.or(row.stored.take());
                }
            }
        }
        Ok(())
    }

    /// Returns the added rows, to be written.
    pub fn to_write(&self) -> AddedRows<'_> {
        let rows = self.added.iter().map(|(saga, at)| (*saga, &self.rows[saga][*at]));
        let (timed, other) = split(rows, |(saga, _)| saga.0);
        AddedRows { timed: Columns::of(timed), other: Columns::of(other) }
    }
}

/// A row to add.
#[derive(Debug)]
pub struct NewRow<'a> {
    pub step: &'a str,
    pub key: &'a str,
    pub entry: Entry,
    pub arrived: &'a str,
    pub event: Option<EncodedEvent>,
    /// The message id under which the event is emitted.
    pub emitted: Option<MessageId>,
    pub cause: Option<MessageId>,
}

/// Returns the table of a saga. Sagas with a time in their id are partitioned by it; the others
/// have a plain table.
pub(crate) fn table(saga: Uuid) -> &'static str {
    if ballet_core::id::is_timed(saga) { "ledger" } else { "ledger_other" }
}

/// Splits items into those whose id contains a time and the others.
pub fn split<T>(items: impl Iterator<Item = T>, id: impl Fn(&T) -> Uuid) -> (Vec<T>, Vec<T>) {
    items.partition(|item| ballet_core::id::is_timed(id(item)))
}

/// Rows to write.
#[derive(Debug)]
pub struct AddedRows<'a> {
    /// Rows that the statement that writes the outbox may include.
    pub timed: Columns<'a>,
    other: Columns<'a>,
}

impl AddedRows<'_> {
    pub fn is_empty(&self) -> bool {
        self.timed.is_empty() && self.other.is_empty()
    }

    /// Writes the rows. Leaves out the timed ones if another statement writes them.
    pub async fn write(
        &self,
        db: &mut PgConnection,
        timed_ride: bool,
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        let timed = (!timed_ride).then_some(&self.timed);
        for (insert, rows) in [(&INSERT, timed), (&INSERT_OTHER, Some(&self.other))] {
            let Some(rows) = rows.filter(|rows| !rows.is_empty()) else { continue };
            rows.bind(sqlx::query(insert.as_str())).bind(now.to_sqlx()).execute(&mut *db).await?;
        }
        Ok(())
    }
}

static INSERT: LazyLock<String> = LazyLock::new(|| Columns::insert("ledger", 1, 11));
static INSERT_OTHER: LazyLock<String> = LazyLock::new(|| Columns::insert("ledger_other", 1, 11));

/// Rows for one table, column by column.
#[derive(Debug, Default)]
pub struct Columns<'a> {
    sagas: Vec<Uuid>,
    steps: Vec<&'a str>,
    keys: Vec<&'a str>,
    entries: Vec<&'static str>,
    arrived: Vec<&'a str>,
    ordinals: Vec<i32>,
    types: Vec<Option<&'static str>>,
    bodies: Vec<Option<Cow<'a, str>>>,
    causes: Vec<Option<Uuid>>,
    emitted: Vec<Option<Uuid>>,
}

impl<'a> Columns<'a> {
    fn of(rows: Vec<(SagaId, &'a LedgerRow)>) -> Self {
        let mut columns = Self::default();
        for (saga, row) in rows {
            columns.sagas.push(saga.0);
            columns.steps.push(&row.step);
            columns.keys.push(&row.key);
            columns.entries.push(row.entry.as_str());
            columns.arrived.push(&row.arrived);
            columns.ordinals.push(row.ordinal);
            columns.types.push(row.event.as_ref().map(|event| event.event_type.name()));
            let body = row.event.as_ref().map(|event| String::from_utf8_lossy(&event.body));
            columns.bodies.push(body);
            columns.causes.push(row.cause.map(|id| id.0));
            columns.emitted.push(row.emitted.map(|id| id.0));
        }
        columns
    }

    pub fn is_empty(&self) -> bool {
        self.sagas.is_empty()
    }

    /// Returns the insert statement. Its parameters start with number `first`, and `now` is the
    /// number of the time parameter.
    pub fn insert(table: &str, first: u8, now: u8) -> String {
        let types = "uuid text text text text int text text uuid uuid".split(' ');
        let arrays: Vec<String> =
            (first..).zip(types).map(|(number, of)| format!("${number}::{of}[]")).collect();
        format!(
            "insert into ballet.{table} (saga_id, step, key, entry, arrived, ordinal, event_type, \
             body, message_id, emitted_id, recorded_at) select *, ${now} from unnest({})",
            arrays.join(", ")
        )
    }

    /// Binds the parameters of [`insert`](Self::insert), in order.
    pub fn bind<'q>(
        &'q self,
        query: Query<'q, Postgres, PgArguments>,
    ) -> Query<'q, Postgres, PgArguments> {
        query
            .bind(&self.sagas)
            .bind(&self.steps)
            .bind(&self.keys)
            .bind(&self.entries)
            .bind(&self.arrived)
            .bind(&self.ordinals)
            .bind(&self.types)
            .bind(&self.bodies)
            .bind(&self.causes)
            .bind(&self.emitted)
    }
}
