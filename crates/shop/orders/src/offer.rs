//! What products cost from each of their versions on.

use std::collections::HashMap;

use ballet::Failure;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use shop_events::catalog::Product;
use shop_events::{Currency, Money};
use sqlx::PgConnection;
use sqlx::types::Text;

/// What a product cost from one of its versions on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) version: i64,
    /// `None` if it was withdrawn.
    pub(crate) price: Option<Money>,
    pub(crate) since: Timestamp,
    /// When the next version came that is known.
    pub(crate) until: Option<Timestamp>,
}

/// Notes what a product costs from this version on; `None` if it is withdrawn. What no checkout can name
/// any more, because its message would be too old to be taken, is forgotten.
pub(crate) async fn note(
    db: &mut PgConnection,
    product: &Product,
    price: Option<Money>,
) -> Result<(), Failure> {
    sqlx::query(
        "with replaced as (
             delete from offer where sku = $1 and version < (
                 select max(version) from offer
                 where sku = $1 and version < $2 and since < $5 - interval '8 days'
             )
         )
         insert into offer (sku, version, price_minor, currency, since)
         values ($1, $2, $3, $4, $5)
         on conflict (sku, version) do nothing",
    )
    .bind(product.sku.as_str())
    .bind(product.version)
    .bind(price.map(|price| price.amount_minor))
    .bind(price.map(|price| price.currency.to_string()))
    .bind(product.changed_at.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

/// What these products cost, by SKU.
pub(crate) async fn of(
    db: &mut PgConnection,
    skus: &[&str],
) -> Result<HashMap<String, Vec<Offer>>, Failure> {
    type Time = jiff_sqlx::Timestamp;
    type Row = (String, i64, Option<i64>, Option<Text<Currency>>, Time, Option<Time>);
    let rows: Vec<Row> = sqlx::query_as(
        "select sku, version, price_minor, currency, since,
             lead(since) over (partition by sku order by version)
         from offer where sku = any($1)",
    )
    .bind(skus)
    .fetch_all(db)
    .await?;
    let mut offers: HashMap<String, Vec<Offer>> = HashMap::new();
    for (sku, version, amount_minor, currency, since, until) in rows {
        let price = amount_minor.zip(currency);
        let price = price.map(|(amount_minor, Text(currency))| Money { amount_minor, currency });
        let (since, until) = (since.to_jiff(), until.map(Time::to_jiff));
        offers.entry(sku).or_default().push(Offer { version, price, since, until });
    }
    Ok(offers)
}
