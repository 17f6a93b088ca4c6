//! Rows as structs: each field from the column of its name. Times, whose type is not the driver's, amounts of money,
//! and whole rows as JSON.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgRow, PgTypeInfo, PgValueRef};
use sqlx::types::{Json, Text};
use sqlx::{AssertSqlSafe, Decode, PgConnection, Postgres, Row, Type};

use crate::values::Money;

/// Implements `sqlx::FromRow` for a struct whose fields have columns of the same names.
///
/// A field whose type is not the driver's names the wrapper that decodes it: `state as TextEnum`, `ship_to as Json`,
/// `changed_at as Time`; in brackets where the column may be null: `ended_at as [Time]`. In parentheses stands a
/// function of the row, with the names of its columns: `price as (money "price_minor")`, `quote as (Quote::from_row)`.
#[macro_export]
macro_rules! row {
    ($type:ident: $($field:ident $(as $how:tt)?),+ $(,)?) => {
        impl ::sqlx::FromRow<'_, ::sqlx::postgres::PgRow> for $type {
            fn from_row(row: &::sqlx::postgres::PgRow) -> ::sqlx::Result<Self> {
                Ok(Self { $($field: $crate::column!(row $field $($how)?)),+ })
            }
        }
    };
}

/// One field of [`row!`](crate::row).
#[doc(hidden)]
#[macro_export]
macro_rules! column {
    ($row:ident $field:ident) => {
        ::sqlx::Row::try_get($row, ::std::stringify!($field))?
    };
    ($row:ident $field:ident [$wrapper:ident]) => {
        ::sqlx::Row::try_get::<Option<_>, _>($row, ::std::stringify!($field))?
            .map(|$wrapper(value)| value)
    };
    ($row:ident $field:ident ($($read:ident)::+ $($column:literal),*)) => {
        $($read)::+($row $(, $column)*)?
    };
    ($row:ident $field:ident $wrapper:ident) => {{
        let $wrapper(value) = ::sqlx::Row::try_get($row, ::std::stringify!($field))?;
        value
    }};
}

/// A time in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub Timestamp);

impl Type<Postgres> for Time {
    fn type_info() -> PgTypeInfo {
        <jiff_sqlx::Timestamp as Type<Postgres>>::type_info()
    }
}

impl<'r> Decode<'r, Postgres> for Time {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let time = <jiff_sqlx::Timestamp as Decode<'r, Postgres>>::decode(value)?;
        Ok(Self(time.to_jiff()))
    }
}

/// Returns the amount in a column, with the currency in the column `currency`.
///
/// # Errors
///
/// Returns an error if there are no such columns, or no amount and currency in them.
pub fn money(row: &PgRow, column: &str) -> sqlx::Result<Money> {
    let Text(currency) = row.try_get("currency")?;
    Ok(Money { amount_minor: row.try_get(column)?, currency })
}

/// Returns the amount in a column, which may be null, with the currency in the column `currency`.
///
/// # Errors
///
/// Returns an error if there are no such columns, or something else in them.
pub fn money_if_any(row: &PgRow, column: &str) -> sqlx::Result<Option<Money>> {
    let amount: Option<i64> = row.try_get(column)?;
    amount.map(|_| money(row, column)).transpose()
}

/// Returns the time in a column.
///
/// # Errors
///
/// Returns an error if there is no such column, or no time in it.
pub fn time(row: &PgRow, column: &str) -> sqlx::Result<Timestamp> {
    row.try_get(column).map(|Time(time)| time)
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
