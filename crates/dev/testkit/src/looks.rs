//! Looks at databases: what a query yields, and the wait for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ballet_stage::wait_until;
use sqlx::{AssertSqlSafe, Decode, Executor, PgPool, Postgres, Type};

/// The sessions of a test with its databases, each kept for the next look.
#[derive(Debug, Default)]
pub struct Looks {
    pools: Mutex<HashMap<String, PgPool>>,
}

impl Looks {
    /// Returns the only value that a query of this database yields.
    pub async fn value<T>(&self, url: &str, sql: &str) -> sqlx::Result<T>
    where
        T: Send + Unpin + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        // A prepared statement would fail after its table changes.
        let query = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).persistent(false);
        query.fetch_one(&self.pool(url)?).await
    }

    /// Executes statements that leave nothing in the session: no transaction, lock or setting.
    pub async fn execute(&self, url: &str, sql: &str) -> sqlx::Result<()> {
        self.pool(url)?.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.map(drop)
    }

    /// Waits until a query of this database yields this value, as text, and no other. `limit` is for what hangs.
    pub async fn until(&self, url: &str, sql: &str, expected: &str, limit: Duration) {
        let query = format!("select a::text from ({sql}) q (a)");
        let reached = wait_until(sql, limit, || async {
            let query = sqlx::query_scalar(AssertSqlSafe(query.clone())).persistent(false);
            let found: Vec<Option<String>> = query.fetch_all(&self.pool(url)?).await?;
            match &found[..] {
                [Some(value)] if value == expected => Ok(Some(())),
                _ => Err(sqlx::Error::Protocol(format!("{found:?} instead of {expected:?}"))),
            }
        });
        reached.await.unwrap_or_else(|error| panic!("{error}"));
    }

    fn pool(&self, url: &str) -> sqlx::Result<PgPool> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(url) {
            return Ok(pool.clone());
        }
        let pool = PgPool::connect_lazy(url)?;
        pools.insert(url.to_owned(), pool.clone());
        Ok(pool)
    }
}

/// Waits once as [`Looks`] does, with a session for this wait alone.
pub async fn until_yields(url: &str, sql: &str, expected: &str, limit: Duration) {
    Looks::default().until(url, sql, expected, limit).await;
}
