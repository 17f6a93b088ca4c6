//! Finds products by their words, the best first.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use ballet::Failure;
use common::paging::Limit;
use common::search::{Query, SimilarWords, TIERS};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use shop_events::Sku;
use shop_events::catalog::Product;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgPool, Row};

use crate::store::product::StoredProduct;

/// The position of a product in the results of a search: by tier, in a tier by rank from the highest, then by SKU.
/// As text it is the cursor of a page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct SearchCursor {
    tier: i16,
    rank: i32,
    sku: Sku,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SearchHit {
    tier: i16,
    rank: i32,
    pub(crate) product: Product,
}

impl SearchHit {
    pub(crate) fn cursor(&self) -> SearchCursor {
        SearchCursor { tier: self.tier, rank: self.rank, sku: self.product.sku.clone() }
    }
}

/// Finds products by a condition on two queries; the second one excludes the results of the tier before. The rank is
/// the weighted share of the heading that the words are, in whole numbers, so that a cursor is exact.
macro_rules! find {
    ($condition:literal) => {
        concat!(
            "with page as (
                 select sku, rank from (
                     select sku, (ts_rank(heading, $3::tsquery, 1) * 1000000)::integer as rank
                     from product_words where ",
            $condition,
            "
                 ) as found
                 where $4::integer is null or rank < $4 or (rank = $4 and sku > $5)
                 order by rank desc, sku limit $6
             )
             select page.rank, product.* from page join product using (sku)
             order by page.rank desc, product.sku"
        )
    };
}

const IN_TITLE: &str = find!("heading @@ $1::tsquery and ($2::text is null)");
const BEGIN_IN_TITLE: &str = find!("heading @@ $1::tsquery and not heading @@ $2::tsquery");
const BEGIN: &str = find!("words @@ $1::tsquery and not heading @@ $2::tsquery");
const ALIKE: &str = find!("words @@ $1::tsquery and not words @@ $2::tsquery");

/// The results come in tiers. A tier is searched only if those before do not fill the page.
pub(crate) async fn find(
    db: &PgPool,
    query: &Query,
    after: Option<&SearchCursor>,
    limit: Limit,
) -> Result<Vec<SearchHit>, Failure> {
    let mut found = Vec::new();
    if query.is_empty() {
        return Ok(found);
    }
    for tier in after.map_or(0, |place| place.tier)..TIERS {
        let similar =
            if tier == TIERS - 1 { similar(db, query.unsure()).await? } else { Vec::new() };
        let (wanted, before) = query.in_tier(tier, &similar);
        let statement = match tier {
            0 => IN_TITLE,
            1 => BEGIN_IN_TITLE,
            2 => BEGIN,
            _ => ALIKE,
        };
        let after = after.filter(|place| place.tier == tier);
        let left = limit.rows() - i64::try_from(found.len())?;
        let rows: Vec<RankedProduct> = sqlx::query_as(statement)
            .bind(wanted.all)
            .bind(before)
            .bind(wanted.any)
            .bind(after.map(|place| place.rank))
            .bind(after.map(|place| place.sku.as_str()))
            .bind(left)
            .fetch_all(db)
            .await?;
        found.extend(rows.into_iter().map(|RankedProduct { rank, product }| SearchHit {
            tier,
            rank,
            product,
        }));
        if i64::try_from(found.len())? >= limit.rows() {
            break;
        }
    }
    Ok(found)
}

async fn similar(db: &PgPool, unsure: Vec<String>) -> Result<Vec<SimilarWords>, Failure> {
    if unsure.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as(common::search::SIMILAR).bind(unsure).fetch_all(db).await?)
}

#[derive(Debug)]
struct RankedProduct {
    rank: i32,
    product: Product,
}

impl FromRow<'_, PgRow> for RankedProduct {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let StoredProduct { product, withdrawn: _ } = StoredProduct::from_row(row)?;
        Ok(Self { rank: row.try_get("rank")?, product })
    }
}

impl fmt::Display for SearchCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.tier, self.rank, self.sku)
    }
}

impl FromStr for SearchCursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = text.split_once('.').and_then(|(tier, rest)| {
            let (rank, sku) = rest.split_once('.')?;
            let tier = tier.parse().ok().filter(|tier| (0..TIERS).contains(tier))?;
            Some(Self { tier, rank: rank.parse().ok()?, sku: sku.parse().ok()? })
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
            "type": "string", "pattern": "^[0-3]\\.[0-9]{1,9}\\.[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$",
            "examples": ["0.607927.mug"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_cursor() {
        let place = SearchCursor { tier: 2, rank: 317, sku: "mug.01".parse().expect("a SKU") };
        assert_eq!(place.to_string(), "2.317.mug.01");
        assert_eq!(place.to_string().parse(), Ok(place));
        for wrong in ["", "mug", "1.mug", "1.x.mug", "1.2.", "1.2.a b", "4.2.mug", "-1.2.mug"] {
            assert!(wrong.parse::<SearchCursor>().is_err(), "{wrong:?} was accepted");
        }
    }
}
