//! The price of each version of a product, and since when.

use std::collections::HashMap;

use ballet::Failure;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use shop_events::catalog::Product;
use shop_events::{Currency, Money};
use sqlx::PgConnection;
use sqlx::types::Text;

/// A price from one of the product's versions on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) version: i64,
    /// `None` if the product was withdrawn.
    pub(crate) price: Option<Money>,
    pub(crate) since: Timestamp,
}

/// `None` withdraws the product. The stored price of a version stays, unless the new one is younger: then catalog was
/// set back, and counts on from there. Versions that no acceptable checkout can name any more are deleted.
pub(crate) async fn note(
    db: &mut PgConnection,
    products: &[(&Product, Option<Money>)],
) -> Result<(), Failure> {
    let skus = products.iter().map(|(product, _)| product.sku.as_str());
    let versions = products.iter().map(|(product, _)| product.version);
    let prices = || products.iter().map(|(_, price)| *price);
    let times = products.iter().map(|(product, _)| product.changed_at.to_sqlx());
    sqlx::query(
        "with new as (
             select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::timestamptz[])
                 as new (sku, version, price_minor, currency, since)
         ), replaced as (
             delete from offer using new where offer.sku = new.sku and offer.version < (
                 select max(version) from offer as later
                 where later.sku = new.sku and later.version < new.version
                     and later.since < new.since - interval '8 days'
             )
         )
         insert into offer (sku, version, price_minor, currency, since)
         select * from new
         -- Most rows of a fill are stored already: no row is locked for them.
         where not exists (
             select from offer as known
             where (known.sku, known.version) = (new.sku, new.version) and known.since >= new.since
         )
         order by sku collate \"C\"
         on conflict (sku, version) do update
         set price_minor = excluded.price_minor, currency = excluded.currency, since = excluded.since
         where offer.since < excluded.since",
    )
    .bind(skus.collect::<Vec<_>>())
    .bind(versions.collect::<Vec<_>>())
    .bind(prices().map(|price| price.map(|price| price.amount_minor)).collect::<Vec<_>>())
    .bind(prices().map(|price| price.map(|price| price.currency.to_string())).collect::<Vec<_>>())
    .bind(times.collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// Returns offers by SKU, in the order of versions.
pub(crate) async fn of(
    db: &mut PgConnection,
    skus: &[&str],
) -> Result<HashMap<String, Vec<Offer>>, Failure> {
    type Row = (String, i64, Option<i64>, Option<Text<Currency>>, jiff_sqlx::Timestamp);
    let rows: Vec<Row> = sqlx::query_as(
        "select sku, version, price_minor, currency, since
         from offer where sku = any($1) order by sku, version",
    )
    .bind(skus)
    .fetch_all(db)
    .await?;
    let mut offers: HashMap<String, Vec<Offer>> = HashMap::new();
    for (sku, version, amount_minor, currency, since) in rows {
        let price = amount_minor.zip(currency);
        let price = price.map(|(amount_minor, Text(currency))| Money { amount_minor, currency });
        offers.entry(sku).or_default().push(Offer { version, price, since: since.to_jiff() });
    }
    Ok(offers)
}
