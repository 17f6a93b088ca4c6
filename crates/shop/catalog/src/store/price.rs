//! What products cost, and when. A trigger writes these rows with each change of a product.

use std::borrow::Cow;
use std::fmt;

use ballet::Failure;
use jiff::Timestamp;
use paging::Limit;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use shop_events::{Money, Sku};
use sqlx::postgres::PgRow;
use sqlx::types::Text;
use sqlx::{FromRow, PgExecutor, Row};

/// A price that a product has or had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ProductPrice")]
pub(crate) struct Price {
    /// The product.
    pub(crate) sku: Sku,
    /// The version of the product from which on it had this price.
    pub(crate) version: i64,
    /// The price of one piece.
    pub(crate) price: Money,
    /// When it began.
    pub(crate) since: Timestamp,
    /// When another price came, or the product was withdrawn. Missing as long as it can be bought for
    /// this price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
}

/// The place of a price in the list. As text it is the cursor of a page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Place {
    sku: Sku,
    version: i64,
}

impl Price {
    pub(crate) fn place(&self) -> Place {
        Place { sku: self.sku.clone(), version: self.version }
    }
}

/// A page of prices, in the order of SKUs and versions.
pub(crate) async fn page(
    db: impl PgExecutor<'_>,
    after: Option<&Place>,
    limit: Limit,
) -> Result<Vec<Price>, Failure> {
    let prices = sqlx::query_as(
        "select sku, version, price_minor, currency, since, until from product_price
         where (sku, version) > ($1, $2) order by sku, version limit $3",
    )
    .bind(after.map_or("", |place| place.sku.as_str()))
    .bind(after.map_or(0, |place| place.version))
    .bind(limit.rows());
    Ok(prices.fetch_all(db).await?)
}

impl FromRow<'_, PgRow> for Price {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let (Text(sku), Text(currency)) = (row.try_get("sku")?, row.try_get("currency")?);
        let until: Option<jiff_sqlx::Timestamp> = row.try_get("until")?;
        Ok(Self {
            sku,
            version: row.try_get("version")?,
            price: Money { amount_minor: row.try_get("price_minor")?, currency },
            since: row.try_get::<jiff_sqlx::Timestamp, _>("since")?.to_jiff(),
            until: until.map(jiff_sqlx::Timestamp::to_jiff),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sku, self.version)
    }
}

impl TryFrom<String> for Place {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = "it is no cursor of this list";
        let (sku, version) = text.split_once(':').ok_or(wrong)?;
        let (sku, version) = (sku.parse().map_err(|_| wrong)?, version.parse().map_err(|_| wrong)?);
        Ok(Self { sku, version })
    }
}

impl JsonSchema for Place {
    fn schema_name() -> Cow<'static, str> {
        "PricePlace".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}:[1-9][0-9]{0,17}$",
        })
    }
}
