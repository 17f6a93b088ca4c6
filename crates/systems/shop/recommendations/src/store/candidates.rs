//! Reads the products that may be recommended: only those that can be bought.

use shop_events::{CustomerId, Sku};
use sqlx::PgConnection;
use sqlx::types::Text;

use crate::association::CoOccurrence;

const LAST_ORDERS: i64 = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RelatedProduct {
    pub(crate) sku: Sku,
    pub(crate) together: CoOccurrence,
}

/// Returns those that were bought with any of these: for each, at most `most` from either side of its pairs, those
/// with the most orders.
pub(crate) async fn partners(
    db: &mut PgConnection,
    skus: &[Sku],
    most: i64,
) -> sqlx::Result<Vec<RelatedProduct>> {
    let (all,): (i64,) = sqlx::query_as("select orders from learned").fetch_one(&mut *db).await?;
    let skus: Vec<&str> = skus.iter().map(Sku::as_str).collect();
    let rows: Vec<(Text<Sku>, i64, i64, i64)> = sqlx::query_as(
        // The partial indexes and `MIN_BOTH` have the same number.
        "select pair.partner, pair.orders, this.orders, partner.orders
         from unnest($1::text[]) as wanted (sku)
             join product_count as this on this.sku = wanted.sku
             cross join lateral (
                 (select other as partner, orders from pair_count
                  where sku = wanted.sku and orders >= 3 order by orders desc limit $2)
                 union all
                 (select sku as partner, orders from pair_count
                  where other = wanted.sku and orders >= 3 order by orders desc limit $2)
             ) as pair
             join product_count as partner on partner.sku = pair.partner
             join product_for_sale on product_for_sale.sku = pair.partner",
    )
    .bind(skus)
    .bind(most)
    .fetch_all(db)
    .await?;
    let rows = rows.into_iter();
    let partner = |(Text(sku), both, one, other)| (sku, CoOccurrence { both, one, other, all });
    Ok(rows.map(partner).map(|(sku, together)| RelatedProduct { sku, together }).collect())
}

pub(crate) async fn popular(
    db: &mut PgConnection,
    without: &[Sku],
    most: i64,
) -> sqlx::Result<Vec<Sku>> {
    let without: Vec<&str> = without.iter().map(Sku::as_str).collect();
    let skus: Vec<(Text<Sku>,)> = sqlx::query_as(
        "select sku from product_count join product_for_sale using (sku)
         where sku <> all ($1::text[])
         order by popularity desc, sku limit $2",
    )
    .bind(without)
    .bind(most)
    .fetch_all(db)
    .await?;
    Ok(skus.into_iter().map(|(Text(sku),)| sku).collect())
}

/// Returns the latest order first, each product once.
pub(crate) async fn bought(
    db: &mut PgConnection,
    customer_id: CustomerId,
) -> sqlx::Result<Vec<Sku>> {
    let orders: Vec<(Vec<Text<Sku>>,)> = sqlx::query_as(
        "select skus from customer_order where customer_id = $1 and counted
         order by order_id desc limit $2",
    )
    .bind(customer_id.0)
    .bind(LAST_ORDERS)
    .fetch_all(db)
    .await?;
    let mut bought = Vec::new();
    for Text(sku) in orders.into_iter().flat_map(|(skus,)| skus) {
        if !bought.contains(&sku) {
            bought.push(sku);
        }
    }
    Ok(bought)
}
