//! The words by which products are found.

use ballet::Failure;
use common::search::SearchDocument;
use shop_events::Sku;
use shop_events::catalog::Product;
use sqlx::PgConnection;

pub(crate) async fn add(db: &mut PgConnection, product: &Product) -> Result<(), Failure> {
    let tags = product.tags.iter().map(|tag| ('B', tag.as_str()));
    let title = [('A', product.title.as_str()), ('B', product.category.as_str())];
    let heading = title.into_iter().chain(tags).chain([('C', product.sku.as_str())]);
    let SearchDocument { heading, words, vocabulary } =
        SearchDocument::new(heading, &product.description);
    sqlx::query(
        "insert into product_words (sku, heading, words) values ($1, $2::tsvector, $3::tsvector)",
    )
    .bind(product.sku.as_str())
    .bind(heading)
    .bind(words)
    .execute(&mut *db)
    .await?;
    sqlx::query(common::search::LEARN).bind(vocabulary).execute(db).await?;
    Ok(())
}

pub(crate) async fn remove(db: &mut PgConnection, sku: &Sku) -> Result<(), Failure> {
    let removed = sqlx::query("delete from product_words where sku = $1");
    removed.bind(sku.as_str()).execute(db).await?;
    Ok(())
}
