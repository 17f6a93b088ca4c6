//! Looks at databases: what a query yields, and the wait for it.

use std::time::Duration;

use ballet_stage::{IdleSessions, wait_until};
use sqlx::{AssertSqlSafe, Connection, Decode, Executor, PgConnection, Postgres, Type};

/// The sessions of a test with its databases, each kept for the next look.
#[derive(Debug, Default)]
pub struct Looks {
    idle: IdleSessions,
}

impl Looks {
    /// Returns the only value that a query of this database yields.
    pub async fn value<T>(&self, url: &str, sql: &str) -> sqlx::Result<T>
    where
        T: Send + Unpin + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        let mut db = self.session(url).await?;
        // A prepared statement would fail after its table changes.
        let query = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).persistent(false);
        let value = query.fetch_one(&mut db).await?;
        self.keep(url, db);
        Ok(value)
    }

    /// Executes statements that leave nothing in the session: no transaction, lock or setting.
    pub async fn execute(&self, url: &str, sql: &str) -> sqlx::Result<()> {
        let mut db = self.session(url).await?;
        db.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await?;
        self.keep(url, db);
        Ok(())
    }

    /// Waits until a query of this database yields this value, as text, and no other. `limit` is for what hangs.
    pub async fn until(&self, url: &str, sql: &str, expected: &str, limit: Duration) {
        let query = format!("select a::text from ({sql}) q (a)");
        // It is kept until a look fails.
        let session = tokio::sync::Mutex::new(None);
        let reached = wait_until(sql, limit, || async {
            let mut held = session.lock().await;
            let mut db = match held.take() {
                Some(db) => db,
                None => self.session(url).await?,
            };
            let found = sqlx::query_scalar(AssertSqlSafe(query.clone())).fetch_all(&mut db).await?;
            let found: Vec<Option<String>> = found;
            if let [Some(value)] = &found[..]
                && value == expected
            {
                self.keep(url, db);
                return Ok(Some(()));
            }
            *held = Some(db);
            Err(sqlx::Error::Protocol(format!("{found:?} instead of {expected:?}")))
        });
        reached.await.unwrap_or_else(|error| panic!("{error}"));
    }

    /// A session with this database, for a look that takes more than one query.
    pub async fn session(&self, url: &str) -> sqlx::Result<PgConnection> {
        match self.idle.take(url).await {
            Some(kept) => Ok(kept),
            None => PgConnection::connect(url).await,
        }
    }

    /// Keeps a session with this database.
    pub fn keep(&self, url: &str, db: PgConnection) {
        self.idle.keep(url, db);
    }
}

/// Waits once as [`Looks`] does, with a session for this wait alone.
pub async fn until_yields(url: &str, sql: &str, expected: &str, limit: Duration) {
    Looks::default().until(url, sql, expected, limit).await;
}
