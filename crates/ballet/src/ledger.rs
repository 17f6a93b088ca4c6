//! The step ledger: what this service did for each saga.
//!
//! Rows are only added. A step's state is its furthest entry; the tombstone, which covers every
//! step and key of a saga, is a row without a step.

use std::borrow::Cow;
use std::collections::HashMap;

use ballet_core::{MessageId, SagaId};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::tx::Encoded;

/// What a ledger row says of its step, in the order in which a step goes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Entry {
    /// One of a join's events came.
    Arrived,
    /// Its call is out.
    Calling,
    /// It took effect.
    Done,
    /// It said no.
    Refused,
    /// Its undo's call is out.
    Undoing,
    /// It is undone.
    Undone,
    /// The tombstone: the saga is aborted.
    Aborted,
}

impl Entry {
    const ALL: [Self; 7] = [
        Self::Arrived,
        Self::Calling,
        Self::Done,
        Self::Refused,
        Self::Undoing,
        Self::Undone,
        Self::Aborted,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Arrived => "arrived",
            Self::Calling => "calling",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
            Self::Aborted => "aborted",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entry| entry.as_str() == text)
    }
}

/// One row, without its body if it was read from the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) step: String,
    pub(crate) key: String,
    pub(crate) entry: Entry,
    pub(crate) arrived: String,
    pub(crate) ordinal: i32,
    pub(crate) event: Option<Encoded>,
    /// The body, if it was read from the table.
    stored: Option<String>,
    pub(crate) cause: Option<MessageId>,
}

impl Row {
    /// The body of its event, as far as it is in memory.
    pub(crate) fn body(&self) -> Option<Cow<'_, str>> {
        let added = self.event.as_ref().map(|event| String::from_utf8_lossy(&event.body));
        added.or_else(|| self.stored.as_deref().map(Cow::Borrowed))
    }
}

/// The ledger of the sagas that a transaction works on: what was there, and what it adds.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    rows: HashMap<SagaId, Vec<Row>>,
    added: Vec<(SagaId, usize)>,
}

impl Ledger {
    /// Reads the rows of the given sagas, whose locks the transaction holds.
    pub(crate) async fn load(
        &mut self,
        db: &mut PgConnection,
        sagas: &[SagaId],
    ) -> Result<(), sqlx::Error> {
        for (table, ids) in by_table(sagas.iter().map(|saga| (*saga, saga.0))) {
            // Saga by saga: for `= any($1)` a plan that is made while the table is small, and then
            // kept, reads all of it.
            let statement = match table {
                Table::Timed => {
                    "select l.saga_id, step, key, entry, arrived, ordinal \
                     from unnest($1::uuid[]) as wanted (saga_id) cross join lateral \
                     (select * from ballet.ledger l where l.saga_id = wanted.saga_id offset 0) l \
                     order by l.saga_id, ordinal"
                }
                Table::Other => {
                    "select l.saga_id, step, key, entry, arrived, ordinal \
                     from unnest($1::uuid[]) as wanted (saga_id) cross join lateral (select * \
                     from ballet.ledger_other l where l.saga_id = wanted.saga_id offset 0) l \
                     order by l.saga_id, ordinal"
                }
            };
            let rows: Vec<(Uuid, String, String, String, String, i32)> =
                sqlx::query_as(statement).bind(&ids).fetch_all(&mut *db).await?;
            for (saga, step, key, entry, arrived, ordinal) in rows {
                let entry = Entry::parse(&entry).ok_or_else(|| {
                    sqlx::Error::Decode(format!("the ledger has an unknown entry {entry:?}").into())
                })?;
                let (event, stored, cause) = (None, None, None);
                let row = Row { step, key, entry, arrived, ordinal, event, stored, cause };
                self.rows.entry(SagaId(saga)).or_default().push(row);
            }
        }
        Ok(())
    }

    /// The rows of one saga, in the order in which they were added.
    pub(crate) fn rows(&self, saga: SagaId) -> &[Row] {
        self.rows.get(&saga).map_or(&[], Vec::as_slice)
    }

    /// Whether the saga is aborted. Its tombstone has no step: it covers all of them.
    pub(crate) fn is_aborted(&self, saga: SagaId) -> bool {
        self.rows(saga).iter().any(|row| row.entry == Entry::Aborted && row.step.is_empty())
    }

    /// Whether one repetition of a step is to be undone, or the whole saga.
    pub(crate) fn is_undone(&self, saga: SagaId, step: &str, key: &str) -> bool {
        let of_key = |row: &Row| row.step.is_empty() || (row.step == step && row.key == key);
        self.rows(saga).iter().any(|row| row.entry == Entry::Aborted && of_key(row))
    }

    /// How far a step is; `None` if nothing was done for it.
    pub(crate) fn state(&self, saga: SagaId, step: &str, key: &str) -> Option<Entry> {
        self.rows(saga)
            .iter()
            .filter(|row| row.step == step && row.key == key)
            .filter(|row| !matches!(row.entry, Entry::Arrived | Entry::Aborted))
            .map(|row| row.entry)
            .max()
    }

    /// Adds a row; it is written by [`flush`](Self::flush).
    pub(crate) fn add(&mut self, saga: SagaId, row: NewRow<'_>) {
        let rows = self.rows.entry(saga).or_default();
        let ordinal = rows.last().map_or(0, |last| last.ordinal + 1);
        rows.push(Row {
            step: row.step.to_owned(),
            key: row.key.to_owned(),
            entry: row.entry,
            arrived: row.arrived.to_owned(),
            ordinal,
            event: row.event,
            stored: None,
            cause: row.cause,
        });
        self.added.push((saga, rows.len() - 1));
    }

    /// The rows that are not written yet.
    #[cfg(feature = "faults")]
    pub(crate) fn added(&self) -> impl Iterator<Item = &Row> {
        self.added.iter().map(|(saga, at)| &self.rows[saga][*at])
    }

    /// The event of a row: from memory if it is there, else from the table.
    pub(crate) async fn body(
        &self,
        db: &mut PgConnection,
        saga: SagaId,
        row: &Row,
    ) -> Result<Option<String>, sqlx::Error> {
        if let Some(body) = row.body() {
            return Ok(Some(body.into_owned()));
        }
        let statement = match Table::of(saga.0) {
            Table::Timed => {
                "select body from ballet.ledger where saga_id = $1 and step = $2 and key = $3 \
                 and entry = $4 and arrived = $5"
            }
            Table::Other => {
                "select body from ballet.ledger_other where saga_id = $1 and step = $2 \
                 and key = $3 and entry = $4 and arrived = $5"
            }
        };
        let found: Option<(Option<String>,)> = sqlx::query_as(statement)
            .bind(saga.0)
            .bind(&row.step)
            .bind(&row.key)
            .bind(row.entry.as_str())
            .bind(&row.arrived)
            .fetch_optional(db)
            .await?;
        Ok(found.and_then(|(body,)| body))
    }

    /// Reads the outcomes by which steps were done in some sagas, so that [`body`](Self::body) has
    /// them in memory.
    pub(crate) async fn read_outcomes(
        &mut self,
        db: &mut PgConnection,
        sagas: &[SagaId],
        steps: &[&str],
    ) -> Result<(), sqlx::Error> {
        for (table, ids) in by_table(sagas.iter().map(|saga| (*saga, saga.0))) {
            let statement = match table {
                Table::Timed => {
                    "select saga_id, step, key, body from ballet.ledger where saga_id = any($1) \
                     and step = any($2) and entry = 'done' and body is not null"
                }
                Table::Other => {
                    "select saga_id, step, key, body from ballet.ledger_other \
                     where saga_id = any($1) and step = any($2) and entry = 'done' \
                     and body is not null"
                }
            };
            let rows: Vec<(Uuid, String, String, String)> =
                sqlx::query_as(statement).bind(&ids).bind(steps).fetch_all(&mut *db).await?;
            for (saga, step, key, body) in rows {
                let rows = self.rows.entry(SagaId(saga)).or_default();
                let done =
                    |row: &&mut Row| row.entry == Entry::Done && row.step == step && row.key == key;
                if let Some(row) = rows.iter_mut().find(done) {
                    row.stored = Some(body);
                }
            }
        }
        Ok(())
    }

    /// Writes what was added; whether there was anything.
    pub(crate) async fn flush(
        &mut self,
        db: &mut PgConnection,
        now: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        let added = std::mem::take(&mut self.added);
        let rows = added.iter().map(|(saga, at)| ((*saga, &self.rows[saga][*at]), saga.0));
        for (table, rows) in split(rows) {
            let mut columns = Columns::default();
            for (saga, row) in rows {
                columns.push(saga, row);
            }
            columns.insert(db, table, now).await?;
        }
        Ok(!added.is_empty())
    }
}

/// A row to be added.
#[derive(Debug)]
pub(crate) struct NewRow<'a> {
    pub(crate) step: &'a str,
    pub(crate) key: &'a str,
    pub(crate) entry: Entry,
    pub(crate) arrived: &'a str,
    pub(crate) event: Option<Encoded>,
    pub(crate) cause: Option<MessageId>,
}

/// Sagas with a time in their id are partitioned by it; the others have a plain table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Timed,
    Other,
}

impl Table {
    fn of(saga: Uuid) -> Self {
        if ballet_core::id::is_timed(saga) { Self::Timed } else { Self::Other }
    }
}

/// Splits items by the table of their saga, leaving out a table that gets none.
fn split<T>(items: impl Iterator<Item = (T, Uuid)>) -> Vec<(Table, Vec<T>)> {
    let (mut timed, mut other) = (Vec::new(), Vec::new());
    for (item, saga) in items {
        match Table::of(saga) {
            Table::Timed => timed.push(item),
            Table::Other => other.push(item),
        }
    }
    [(Table::Timed, timed), (Table::Other, other)]
        .into_iter()
        .filter(|(_, items)| !items.is_empty())
        .collect()
}

fn by_table(sagas: impl Iterator<Item = (SagaId, Uuid)>) -> Vec<(Table, Vec<Uuid>)> {
    split(sagas.map(|(saga, id)| (saga.0, id)))
}

#[derive(Default)]
struct Columns {
    sagas: Vec<Uuid>,
    steps: Vec<String>,
    keys: Vec<String>,
    entries: Vec<&'static str>,
    arrived: Vec<String>,
    ordinals: Vec<i32>,
    types: Vec<Option<&'static str>>,
    bodies: Vec<Option<String>>,
    causes: Vec<Option<Uuid>>,
}

impl Columns {
    fn push(&mut self, saga: SagaId, row: &Row) {
        self.sagas.push(saga.0);
        self.steps.push(row.step.clone());
        self.keys.push(row.key.clone());
        self.entries.push(row.entry.as_str());
        self.arrived.push(row.arrived.clone());
        self.ordinals.push(row.ordinal);
        self.types.push(row.event.as_ref().map(|event| event.event_type.name()));
        self.bodies.push(
            row.event.as_ref().map(|event| String::from_utf8_lossy(&event.body).into_owned()),
        );
        self.causes.push(row.cause.map(|id| id.0));
    }

    async fn insert(
        &self,
        db: &mut PgConnection,
        table: Table,
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        let statement = match table {
            Table::Timed => {
                "insert into ballet.ledger (saga_id, step, key, entry, arrived, ordinal, \
                 event_type, body, message_id, recorded_at) select *, $10 from unnest($1::uuid[], \
                 $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[], \
                 $8::text[], $9::uuid[])"
            }
            Table::Other => {
                "insert into ballet.ledger_other (saga_id, step, key, entry, arrived, ordinal, \
                 event_type, body, message_id, recorded_at) select *, $10 from unnest($1::uuid[], \
                 $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[], \
                 $8::text[], $9::uuid[])"
            }
        };
        sqlx::query(statement)
            .bind(&self.sagas)
            .bind(&self.steps)
            .bind(&self.keys)
            .bind(&self.entries)
            .bind(&self.arrived)
            .bind(&self.ordinals)
            .bind(&self.types)
            .bind(&self.bodies)
            .bind(&self.causes)
            .bind(now.to_sqlx())
            .execute(db)
            .await?;
        Ok(())
    }
}
