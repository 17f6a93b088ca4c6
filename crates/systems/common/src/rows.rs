//! Times in rows, whose type is not the driver's, and whole rows as JSON.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection, Row};

/// Returns the time in a column.
///
/// # Errors
///
/// Returns an error if there is no such column, or no time in it.
pub fn time(row: &PgRow, column: &str) -> sqlx::Result<Timestamp> {
    row.try_get::<jiff_sqlx::Timestamp, _>(column).map(jiff_sqlx::Timestamp::to_jiff)
}

/// Returns the time in a column, which may be null.
///
/// # Errors
///
/// Returns an error if there is no such column, or something else in it.
pub fn time_if_any(row: &PgRow, column: &str) -> sqlx::Result<Option<Timestamp>> {
    let time: Option<jiff_sqlx::Timestamp> = row.try_get(column)?;
    Ok(time.map(jiff_sqlx::Timestamp::to_jiff))
}

/// Returns all rows of a query, each by the names of its columns.
///
/// # Errors
///
/// Returns an error if the query fails, or a row has another shape.
pub async fn all<T>(db: &mut PgConnection, query: &'static str) -> sqlx::Result<Vec<T>>
where
    T: DeserializeOwned + Send + Unpin + 'static,
{
    let query = AssertSqlSafe(format!("select to_jsonb(found) from ({query}) as found"));
    let rows: Vec<Json<T>> = sqlx::query_scalar(query).fetch_all(db).await?;
    Ok(rows.into_iter().map(|Json(row)| row).collect())
}
