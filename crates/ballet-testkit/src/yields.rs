//! Waits for what a query of a database yields.

use std::time::Duration;

use ballet_stage::wait_until;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::Mutex;

/// Waits until a query of this database yields this value, as text, and no other. `limit` is for what hangs.
pub async fn until_yields(url: &str, sql: &str, expected: &str, limit: Duration) {
    let query = format!("select a::text from ({sql}) q (a)");
    // A session costs the server more than a look does, so it is kept until a look fails.
    let session = Mutex::new(None);
    let reached = wait_until(sql, limit, || async {
        let mut kept = session.lock().await;
        let mut db = match kept.take() {
            Some(db) => db,
            None => PgConnection::connect(url).await?,
        };
        let found = sqlx::query_scalar(AssertSqlSafe(query.clone())).fetch_all(&mut db).await?;
        let found: Vec<Option<String>> = found;
        *kept = Some(db);
        if let [Some(value)] = &found[..]
            && value == expected
        {
            return Ok(Some(()));
        }
        Err(sqlx::Error::Protocol(format!("{found:?} instead of {expected:?}")))
    });
    reached.await.unwrap_or_else(|error| panic!("{error}"));
}
