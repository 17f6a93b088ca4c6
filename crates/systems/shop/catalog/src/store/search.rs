//! Finds products by their words, the best first.

use ballet::Failure;
use common::paging::Limit;
use shop_events::catalog::Product;
use sqlx::PgPool;

use crate::store::product::StoredProduct;

const FIND: &str = "select * from product
    where withdrawn_at is null
        and product_words(title, category, tags, sku, description) @@ to_tsquery('simple', $1)
    order by ts_rank(product_words(title, category, tags, sku, description),
                     to_tsquery('simple', $1), 1) desc, sku
    limit $2";

pub(crate) async fn find(db: &PgPool, query: &str, limit: Limit) -> Result<Vec<Product>, Failure> {
    let Some(query) = common::search::query(query) else { return Ok(Vec::new()) };
    let found: Vec<StoredProduct> =
        sqlx::query_as(FIND).bind(query).bind(limit.rows()).fetch_all(db).await?;
    Ok(found.into_iter().map(|stored| stored.product).collect())
}
