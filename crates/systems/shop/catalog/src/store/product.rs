//! The rows of products.

use ballet::Failure;
use common::paging::Limit;
use common::rows::{Time, money, time};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use shop_events::catalog::Product;
use shop_events::{Money, Sku, Slug};
use sqlx::postgres::PgRow;
use sqlx::types::Text;
use sqlx::{FromRow, PgConnection, PgExecutor, Postgres, QueryBuilder, Row};

use crate::draft::ProductDraft;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredProduct {
    pub(crate) product: Product,
    pub(crate) withdrawn: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ProductFilter {
    pub(crate) category: Option<Slug>,
    pub(crate) tag: Option<Slug>,
}

/// Returns `None` if there is or was a product with its SKU.
pub(crate) async fn publish(
    db: &mut PgConnection,
    draft: &ProductDraft,
    now: Timestamp,
) -> Result<Option<Product>, Failure> {
    let tags: Vec<&str> = draft.tags.iter().map(Slug::as_str).collect();
    let published: Option<StoredProduct> = sqlx::query_as(
        "insert into product
             (sku, version, title, description, price_minor, currency, category, tags, image_url,
              published_at, changed_at)
         values ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
         on conflict (sku) do nothing
         returning *",
    )
    .bind(draft.sku.as_str())
    .bind(&draft.title)
    .bind(&draft.description)
    .bind(draft.price.amount_minor)
    .bind(draft.price.currency.as_str())
    .bind(draft.category.as_str())
    .bind(tags)
    .bind(&draft.image_url)
    .bind(now.to_sqlx())
    .fetch_optional(db)
    .await?;
    Ok(published.map(|stored| stored.product))
}

pub(crate) async fn set_price(
    db: &mut PgConnection,
    sku: &Sku,
    price: Money,
    now: Timestamp,
) -> Result<Product, Failure> {
    let stored: StoredProduct = sqlx::query_as(
        "update product
         set price_minor = $2, currency = $3, version = version + 1, changed_at = $4
         where sku = $1
         returning *",
    )
    .bind(sku.as_str())
    .bind(price.amount_minor)
    .bind(price.currency.as_str())
    .bind(now.to_sqlx())
    .fetch_one(db)
    .await?;
    Ok(stored.product)
}

pub(crate) async fn withdraw(
    db: &mut PgConnection,
    sku: &Sku,
    now: Timestamp,
) -> Result<Product, Failure> {
    let stored: StoredProduct = sqlx::query_as(
        "update product
         set version = version + 1, changed_at = $2, withdrawn_at = $2
         where sku = $1
         returning *",
    )
    .bind(sku.as_str())
    .bind(now.to_sqlx())
    .fetch_one(db)
    .await?;
    Ok(stored.product)
}

/// Returns also a withdrawn product.
pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    sku: &Sku,
) -> Result<Option<StoredProduct>, Failure> {
    let product = sqlx::query_as("select * from product where sku = $1");
    Ok(product.bind(sku.as_str()).fetch_optional(db).await?)
}

/// Locks the product. Other transactions that want to change it wait until this one ends, and then see the change.
pub(crate) async fn find_to_change(
    db: &mut PgConnection,
    sku: &Sku,
) -> Result<Option<StoredProduct>, Failure> {
    let product = sqlx::query_as("select * from product where sku = $1 for no key update");
    Ok(product.bind(sku.as_str()).fetch_optional(db).await?)
}

/// Returns products in SKU order.
pub(crate) async fn page(
    db: impl PgExecutor<'_>,
    listed: &ProductFilter,
    after: Option<&Sku>,
    limit: Limit,
) -> Result<Vec<Product>, Failure> {
    let ProductFilter { category, tag } = listed;
    let from = "select * from product where withdrawn_at is null and sku > ";
    let mut query = QueryBuilder::<Postgres>::new(from);
    query.push_bind(after.map_or("", Sku::as_str));
    if let Some(category) = category {
        query.push(" and category = ").push_bind(category.as_str());
    }
    if let Some(tag) = tag {
        query.push(" and tags @> array[").push_bind(tag.as_str()).push("]");
    }
    query.push(" order by sku limit ").push_bind(limit.rows());
    let stored: Vec<StoredProduct> = query.build_query_as().fetch_all(db).await?;
    Ok(stored.into_iter().map(|stored| stored.product).collect())
}

impl FromRow<'_, PgRow> for StoredProduct {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let (Text(sku), Text(category)) = (row.try_get("sku")?, row.try_get("category")?);
        let tags: Vec<Text<Slug>> = row.try_get("tags")?;
        let product = Product {
            sku,
            version: row.try_get("version")?,
            title: row.try_get("title")?,
            description: row.try_get("description")?,
            price: money(row, "price_minor")?,
            category,
            tags: tags.into_iter().map(|Text(tag)| tag).collect(),
            image_url: row.try_get("image_url")?,
            published_at: time(row, "published_at")?,
            changed_at: time(row, "changed_at")?,
        };
        let withdrawn: Option<Time> = row.try_get("withdrawn_at")?;
        Ok(Self { product, withdrawn: withdrawn.is_some() })
    }
}
