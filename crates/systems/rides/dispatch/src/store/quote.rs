//! The tariff and the quotes.

use ballet::Failure;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use rides_events::QuoteId;
use sqlx::PgExecutor;
use sqlx::types::Uuid;

use crate::fare::Tariff;
use crate::ride::Quote;

const TARIFF: &str =
    "version, currency, base_minor, kilometer_minor, minute_minor, least_minor, free_minutes,
    late_minor";

pub(crate) async fn tariff(
    db: impl PgExecutor<'_>,
    now: Timestamp,
) -> Result<Option<Tariff>, Failure> {
    let statement = format!(
        "select {TARIFF} from tariff where valid_from <= $1
         order by valid_from desc, version desc limit 1"
    );
    let tariff = sqlx::query_as(sqlx::AssertSqlSafe(statement)).bind(now.to_sqlx());
    Ok(tariff.fetch_optional(db).await?)
}

pub(crate) async fn tariff_of(db: impl PgExecutor<'_>, version: i32) -> Result<Tariff, Failure> {
    let statement = format!("select {TARIFF} from tariff where version = $1");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(statement)).bind(version).fetch_one(db).await?)
}

pub(crate) async fn store(
    db: impl PgExecutor<'_>,
    quote: &Quote,
    now: Timestamp,
) -> Result<(), Failure> {
    sqlx::query(
        "insert into quote
             (quote_id, rider_id, pickup_lat, pickup_lon, destination_lat, destination_lon, meters,
              seconds, price_minor, currency, tariff, made_at, valid_until)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(quote.quote_id.0)
    .bind(quote.rider_id.0)
    .bind(quote.pickup.lat())
    .bind(quote.pickup.lon())
    .bind(quote.destination.lat())
    .bind(quote.destination.lon())
    .bind(quote.meters)
    .bind(quote.seconds)
    .bind(quote.price.amount_minor)
    .bind(quote.price.currency.as_str())
    .bind(quote.tariff)
    .bind(now.to_sqlx())
    .bind(quote.valid_until.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    quote_id: QuoteId,
) -> Result<Option<Quote>, Failure> {
    let quote = sqlx::query_as("select * from quote where quote_id = $1");
    Ok(quote.bind(quote_id.0).fetch_optional(db).await?)
}

/// Deletes some of the quotes after `last` that are older than this and led to no ride. Returns the last of them. Ids
/// are in the order of time.
pub(crate) async fn forget(
    db: impl PgExecutor<'_>,
    last: QuoteId,
    before: Timestamp,
) -> Result<Option<QuoteId>, Failure> {
    let last: Option<Uuid> = sqlx::query_scalar(
        "with unused as (
             select quote_id from quote
             where quote_id > $1 and made_at < $2
                 and not exists (select from ride where ride.quote_id = quote.quote_id)
             order by quote_id limit 500 for update of quote skip locked
         ), forgotten as (
             delete from quote using unused where quote.quote_id = unused.quote_id
         )
         select quote_id from unused order by quote_id desc limit 1",
    )
    .bind(last.0)
    .bind(before.to_sqlx())
    .fetch_optional(db)
    .await?;
    Ok(last.map(QuoteId))
}
