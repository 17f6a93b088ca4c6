//! Finds products by their words, the best first.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use ballet::Failure;
use common::paging::Limit;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use shop_events::Sku;
use shop_events::catalog::Product;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgPool, Row};

use crate::store::product::StoredProduct;

/// The position of a product in the results of a search: by rank from the highest, then by SKU. As text it is the cursor
/// of a page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct SearchCursor {
    rank: i32,
    sku: Sku,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SearchHit {
    rank: i32,
    pub(crate) product: Product,
}

impl SearchHit {
    pub(crate) fn cursor(&self) -> SearchCursor {
        SearchCursor { rank: self.rank, sku: self.product.sku.clone() }
    }
}

/// The rank is a whole number, so that a cursor is exact.
const FIND: &str = "select * from (
        select *, (ts_rank(product_words(title, category, tags, sku, description),
                           to_tsquery('simple', $1), 1) * 1000000)::integer as rank
        from product
        where withdrawn_at is null
            and product_words(title, category, tags, sku, description) @@ to_tsquery('simple', $1)
    ) as found
    where $2::integer is null or rank < $2 or (rank = $2 and sku > $3)
    order by rank desc, sku limit $4";

pub(crate) async fn find(
    db: &PgPool,
    query: &str,
    after: Option<&SearchCursor>,
    limit: Limit,
) -> Result<Vec<SearchHit>, Failure> {
    let Some(query) = common::search::query(query) else { return Ok(Vec::new()) };
    let found = sqlx::query_as(FIND)
        .bind(query)
        .bind(after.map(|place| place.rank))
        .bind(after.map(|place| place.sku.as_str()))
        .bind(limit.rows());
    Ok(found.fetch_all(db).await?)
}

impl FromRow<'_, PgRow> for SearchHit {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let StoredProduct { product, withdrawn: _ } = StoredProduct::from_row(row)?;
        Ok(Self { rank: row.try_get("rank")?, product })
    }
}

impl fmt::Display for SearchCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.rank, self.sku)
    }
}

impl FromStr for SearchCursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = text.split_once('.').and_then(|(rank, sku)| {
            Some(Self { rank: rank.parse().ok()?, sku: sku.parse().ok()? })
        });
        place.ok_or_else(|| "it is no cursor: send the `next` of the page before".to_owned())
    }
}

impl TryFrom<String> for SearchCursor {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl JsonSchema for SearchCursor {
    fn schema_name() -> Cow<'static, str> {
        "SearchCursor".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": "^[0-9]{1,9}\\.[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$",
            "examples": ["607927.mug"],
        })
    }
}
