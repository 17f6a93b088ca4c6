//! The times in rows, whose type is not the driver's.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgRow;

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
