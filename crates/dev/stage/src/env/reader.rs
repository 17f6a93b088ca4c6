//! A reader that locks all tables of a database.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use url::Url;

use crate::error::Result;
use crate::servers::postgres_access::{connect, sql};

/// Partitions are locked with their parents.
const LOCK: &str = "do $$ declare tables text; begin
        select string_agg(c.oid::regclass::text, ', ') into tables from pg_class c
            join pg_namespace n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p') and n.nspname in ('ballet', 'public');
        if tables is not null then
            execute 'lock table ' || tables || ' in access share mode';
        end if;
    end $$";

/// An open transaction with the locks of `pg_dump`, and perhaps its snapshot, until this is released or dropped.
#[derive(Debug)]
pub struct TableReader {
    session: PgConnection,
    url: Url,
}

impl TableReader {
    pub(crate) async fn new(url: &Url, with_snapshot: bool) -> Result<Self> {
        let mut session = connect(url).await?;
        let level = if with_snapshot { "repeatable read" } else { "read committed" };
        let hold = format!("begin isolation level {level} read only; {LOCK}");
        let held = session.execute(AssertSqlSafe(hold)).await;
        held.map_err(|error| sql("holding all tables", url, &error))?;
        Ok(Self { session, url: url.clone() })
    }

    /// Ends the transaction.
    pub async fn release(self) -> Result<()> {
        let closed = self.session.close().await;
        closed.map_err(|error| sql("closing a session", &self.url, &error))
    }
}
