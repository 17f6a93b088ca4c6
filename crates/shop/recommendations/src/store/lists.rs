//! Pages of everything that counts, for the auditor.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use paging::Limit;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use shop_events::{OrderId, Sku};
use sqlx::postgres::PgRow;
use sqlx::types::Text;
use sqlx::{FromRow, PgExecutor, Row};

/// An order that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct LearnedOrder {
    /// The order.
    pub(crate) order_id: OrderId,
    /// The products with which it counts, at most 25.
    pub(crate) skus: Vec<Sku>,
}

/// In how many orders a product is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct LearnedProduct {
    /// The product.
    pub(crate) sku: Sku,
    /// The orders.
    pub(crate) orders: i64,
}

/// In how many orders two products are together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct LearnedPair {
    /// The product that is the first in order.
    pub(crate) sku: Sku,
    /// The other one.
    pub(crate) other: Sku,
    /// The orders.
    pub(crate) orders: i64,
}

impl LearnedPair {
    pub(crate) fn place(&self) -> PairPlace {
        PairPlace { sku: self.sku.clone(), other: self.other.clone() }
    }
}

/// The place of a pair in the list. As text, `mug,spoon`, it is the cursor of a page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PairPlace {
    sku: Sku,
    other: Sku,
}

/// A page of the orders that count, the oldest first.
pub(crate) async fn orders(
    db: impl PgExecutor<'_>,
    after: Option<OrderId>,
    limit: Limit,
) -> sqlx::Result<Vec<LearnedOrder>> {
    sqlx::query_as(
        "select order_id, skus from customer_order
         where counted and ($1::uuid is null or order_id > $1) order by order_id limit $2",
    )
    .bind(after.map(|order_id| order_id.0))
    .bind(limit.rows())
    .fetch_all(db)
    .await
}

/// A page of the products, in SKU order.
pub(crate) async fn products(
    db: impl PgExecutor<'_>,
    after: Option<&Sku>,
    limit: Limit,
) -> sqlx::Result<Vec<LearnedProduct>> {
    sqlx::query_as("select sku, orders from product_count where sku > $1 order by sku limit $2")
        .bind(after.map_or("", Sku::as_str))
        .bind(limit.rows())
        .fetch_all(db)
        .await
}

/// A page of the pairs, in SKU order.
pub(crate) async fn pairs(
    db: impl PgExecutor<'_>,
    after: Option<&PairPlace>,
    limit: Limit,
) -> sqlx::Result<Vec<LearnedPair>> {
    sqlx::query_as(
        "select sku, other, orders from pair_count where (sku, other) > ($1, $2)
         order by sku, other limit $3",
    )
    .bind(after.map_or("", |place| place.sku.as_str()))
    .bind(after.map_or("", |place| place.other.as_str()))
    .bind(limit.rows())
    .fetch_all(db)
    .await
}

impl FromRow<'_, PgRow> for LearnedOrder {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let skus: Vec<Text<Sku>> = row.try_get("skus")?;
        let skus = skus.into_iter().map(|Text(sku)| sku).collect();
        Ok(Self { order_id: OrderId(row.try_get("order_id")?), skus })
    }
}

impl FromRow<'_, PgRow> for LearnedProduct {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let Text(sku) = row.try_get("sku")?;
        Ok(Self { sku, orders: row.try_get("orders")? })
    }
}

impl FromRow<'_, PgRow> for LearnedPair {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let (Text(sku), Text(other)) = (row.try_get("sku")?, row.try_get("other")?);
        Ok(Self { sku, other, orders: row.try_get("orders")? })
    }
}

impl fmt::Display for PairPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.sku, self.other)
    }
}

impl FromStr for PairPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = text.split_once(',').and_then(|(sku, other)| {
            Some(Self { sku: sku.parse().ok()?, other: other.parse().ok()? })
        });
        place.ok_or_else(|| "it is no cursor: send the `next` of the page before".to_owned())
    }
}

impl TryFrom<String> for PairPlace {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl JsonSchema for PairPlace {
    fn schema_name() -> Cow<'static, str> {
        "PairCursor".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63},[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$",
            "examples": ["mug,spoon"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_cursor() {
        let text = "mug-1.a,spoon";
        let place: PairPlace = text.parse().expect("a cursor");
        assert_eq!(place.to_string(), text);
        for wrong in ["", "mug", ",", "mug,", "a b,c", "a,b,c"] {
            assert!(wrong.parse::<PairPlace>().is_err(), "{wrong:?} was accepted");
        }
    }
}
