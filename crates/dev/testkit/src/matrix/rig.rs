//! A service's steps on its database: two sessions, what each step did, and snapshots of all tables.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ballet::core::EventType;
use ballet::{SagaId, Service};
use ballet_stage::{Database, Postgres, wait_until};
use ballet_store::schema::migrate;
use futures_util::future::{Either, select};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};

use crate::matrix::answers::answers;
use crate::matrix::runner::{End, Result, Runner, Statements, Work};

/// A step that waits longer for a lock fails.
const LOCK_WAIT: &str = "set lock_timeout = '20s'; set statement_timeout = '30s'";
const LONGEST_RUN: SignedDuration = SignedDuration::from_mins(30);
const SOON: Duration = Duration::from_secs(30);

/// Every row of the service, by table and key.
pub(super) type Snapshot = BTreeMap<(String, String), Value>;

/// What ran in one transaction, and what it left.
#[derive(Debug, Clone)]
pub(super) struct Ran {
    pub(super) ends: Vec<End>,
    pub(super) statements: Vec<Vec<String>>,
    pub(super) left: Snapshot,
    pub(super) took: Duration,
}

/// What ran at once in two transactions.
pub(super) struct AtOnce {
    pub(super) ends: [End; 2],
    pub(super) left: Snapshot,
    /// The statement of the second one that waited for the first.
    pub(super) waited: Option<String>,
    /// Whether the second one failed and ran again.
    pub(super) again: bool,
}

pub(super) struct Rig {
    runner: Runner,
    pub(super) first: PgConnection,
    second: PgConnection,
    looks: PgConnection,
    pub(super) tables: Vec<String>,
    snapshot: String,
    /// Rows of the migrations.
    initial: Vec<(String, String)>,
    /// Dropped last.
    _database: Database,
}

impl Rig {
    pub(super) async fn new(service: Service, now: Timestamp, log: Statements) -> Self {
        let name = service.part().service;
        let (steps, migrations) = service.lone();
        let postgres = Postgres::shared().await.expect("a Postgres");
        let mut made = Database::prepared(postgres, "matrix", &[name]).await.expect("a database");
        let database = made.remove(name).expect("the service's database");
        let options: PgConnectOptions = database.url().parse().expect("a URL");
        let db = migrate::connect(&options).await.expect("a session");
        migrate::migrate(db, &migrations).await.expect("the service's tables");
        let connect = async || {
            let mut db = options.connect().await?;
            db.execute(sqlx::raw_sql(LOCK_WAIT)).await?;
            Ok::<_, sqlx::Error>(db)
        };
        let (mut first, second) = (connect().await.expect("one"), connect().await.expect("two"));
        let looks = connect().await.expect("three");
        let (tables, snapshot) = snapshots(&mut first).await.expect("the tables");
        let initial = rows_as_inserts(&mut first, &tables).await.expect("the first rows");
        let runner = Runner { steps, now, statements: log };
        Self { runner, first, second, looks, tables, snapshot, initial, _database: database }
    }

    /// Returns answers to the requests of a step, or of its compensation.
    pub(super) fn answers(&self, step: &str, undo: bool) -> Vec<String> {
        let steps = &self.runner.steps;
        if steps.calls(step, undo) {
            answers(|text| steps.misfit(step, undo, text))
        } else {
            Vec::new()
        }
    }

    /// Feeds the service's copies, for all that follows. A step says what it lacks.
    pub(super) async fn feed(&mut self, event: EventType, body: &str) {
        if let Err(failure) = self.runner.steps.feed(&mut self.first, event, body).await {
            eprintln!("no copy is fed with {event}: {failure}");
        }
    }

    /// Begins a transaction with these rows. False if the database does not allow them.
    pub(super) async fn begin(&mut self, rows: &[String]) -> Result<bool> {
        self.first.execute("rollback; begin").await?;
        for row in rows {
            if self.first.execute(sqlx::raw_sql(AssertSqlSafe(row.clone()))).await.is_err() {
                self.first.execute("rollback").await?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Runs work in the open transaction, and keeps what it did.
    pub(super) async fn prepare(&mut self, work: &[(Work, SagaId)]) -> Result<bool> {
        let ran = self.runner.all(&mut self.first, work).await?;
        Ok(ran.iter().all(|(end, _)| end.is_done()))
    }

    pub(super) async fn now(&mut self) -> Result<Snapshot> {
        taken(&mut self.first, &self.snapshot, self.runner.now).await
    }

    /// Runs work in the open transaction, and takes it back.
    pub(super) async fn tried(&mut self, work: &[(Work, SagaId)]) -> Result<Ran> {
        self.first.execute("savepoint tried").await?;
        let begun = Instant::now();
        let ran = self.runner.all(&mut self.first, work).await?;
        let took = begun.elapsed();
        let left = self.now().await?;
        self.first.execute("rollback to savepoint tried; release savepoint tried").await?;
        let (ends, statements) = ran.into_iter().unzip();
        Ok(Ran { ends, statements, left, took })
    }

    /// Commits the prepared rows, and runs two works in two transactions: the second begins before the first commits.
    pub(super) async fn at_once(&mut self, works: [&(Work, SagaId); 2]) -> Result<AtOnce> {
        self.first.execute("commit; begin").await?;
        let [one, other] = works;
        let first = self.runner.one(&mut self.first, one, &[]).await?.0;
        let pid: i32 =
            sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut self.second).await?;
        self.second.execute("begin").await?;
        let (mut waited, mut again) = (None, false);
        let mut second = {
            let runs = Box::pin(self.runner.one(&mut self.second, other, &[]));
            let looks = Box::pin(until_waiting(&mut self.looks, pid));
            match select(runs, looks).await {
                Either::Left((ran, _)) => {
                    self.first.execute("commit").await?;
                    ran?.0
                }
                Either::Right((statement, runs)) => {
                    waited = statement;
                    self.first.execute("commit").await?;
                    runs.await?.0
                }
            }
        };
        if matches!(second, End::Failed { .. }) {
            again = true;
            self.second.execute("rollback; begin").await?;
            second = self.runner.one(&mut self.second, other, &[]).await?.0;
        }
        self.second.execute("commit").await?;
        let left = taken(&mut self.second, &self.snapshot, self.runner.now).await?;
        self.empty().await?;
        Ok(AtOnce { ends: [first, second], left, waited, again })
    }

    /// Leaves the rows of the migrations.
    async fn empty(&mut self) -> Result<()> {
        let truncate = format!("truncate {} cascade", self.tables.join(", "));
        self.first.execute(sqlx::raw_sql(AssertSqlSafe(truncate))).await?;
        for (table, rows) in &self.initial {
            let insert = format!(
                "insert into {table} overriding system value \
                 select * from jsonb_populate_recordset(null::{table}, $1::jsonb)"
            );
            let insert = sqlx::query(AssertSqlSafe(insert)).bind(rows.as_str());
            insert.execute(&mut self.first).await?;
        }
        Ok(())
    }
}

/// Waits until a session waits for a lock. Returns its statement.
async fn until_waiting(db: &mut PgConnection, pid: i32) -> Option<String> {
    let db = tokio::sync::Mutex::new(db);
    let waiting = wait_until("a lock to be waited for", SOON, || async {
        let statement =
            "select query from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'";
        let mut db = db.lock().await;
        sqlx::query_scalar::<_, String>(statement).bind(pid).fetch_optional(&mut **db).await
    });
    waiting.await.ok()
}

async fn snapshots(db: &mut PgConnection) -> Result<(Vec<String>, String)> {
    let tables: Vec<(String, Option<String>)> = sqlx::query_as(
        r"select format('%I', relname), (select string_agg(format('%I', attname), ',' order by attnum)
              from pg_index join pg_attribute on attrelid = indrelid and attnum = any(indkey)
              where indrelid = pg_class.oid and indisprimary)
          from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
              and not relispartition and relname not like '\_%' order by 1",
    )
    .fetch_all(db)
    .await?;
    let one = |(table, key): &(String, Option<String>)| {
        let key = key.as_ref().map_or_else(
            || "to_jsonb(one)::text".to_owned(),
            |key| format!("jsonb_build_array({key})::text"),
        );
        let name = table.replace('\'', "''");
        format!("select '{name}', {key}, to_jsonb(one) from {table} one")
    };
    let all: Vec<String> = tables.iter().map(one).collect();
    let query = if all.is_empty() {
        "select '', '', 'null'::jsonb limit 0".into()
    } else {
        all.join(" union all ")
    };
    Ok((tables.into_iter().map(|(table, _)| table).collect(), query))
}

/// Takes a snapshot. Times that the database's own clock has set differ in each run, and are equal here.
async fn taken(db: &mut PgConnection, query: &str, begin: Timestamp) -> Result<Snapshot> {
    let mut rows: Vec<(String, String, Value)> =
        sqlx::query_as(AssertSqlSafe(query.to_owned())).fetch_all(db).await?;
    let of_run = |text: &str| {
        text.parse::<Timestamp>().is_ok_and(|at| {
            let since = at.duration_since(begin);
            since.is_positive() && since < LONGEST_RUN
        })
    };
    for column in rows.iter_mut().filter_map(|(.., row)| row.as_object_mut()) {
        for value in column.values_mut().filter(|value| value.as_str().is_some_and(of_run)) {
            *value = "now".into();
        }
    }
    Ok(rows.into_iter().map(|(table, key, row)| ((table, key), row)).collect())
}

async fn rows_as_inserts(
    db: &mut PgConnection,
    tables: &[String],
) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for table in tables {
        let rows = format!("select jsonb_agg(one)::text from {table} one");
        let rows: Option<String> =
            sqlx::query_scalar(AssertSqlSafe(rows)).fetch_one(&mut *db).await?;
        found.extend(rows.map(|rows| (table.clone(), rows)));
    }
    Ok(found)
}
