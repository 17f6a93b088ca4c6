//! Combines recommendations: the products that go best with some products, or else the popular ones.

use ballet::{Failure, copies};
use common::paging::Limit;
use schemars::JsonSchema;
use serde::Serialize;
use shop_events::catalog::Product;
use shop_events::{CustomerId, Money, Sku, Slug};
use sqlx::PgConnection;

use crate::store::{bought, popular, related};

/// Other products are found by so many latest purchases.
const LAST_BOUGHT: usize = 30;

pub(crate) type ListSize = Limit<50, 10>;

/// The recommended products, the best first. All of them can be bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Recommendations {
    /// The reason for the recommendation.
    basis: Basis,
    /// The products.
    items: Vec<RecommendedProduct>,
}

/// The reason for a recommendation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Basis {
    /// Others bought these products together with the given ones.
    BoughtTogether,
    /// Most customers bought these products lately.
    Popular,
}

/// A product, as catalog had it a moment ago.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct RecommendedProduct {
    /// The product.
    sku: Sku,
    /// The title.
    title: String,
    /// The price of one piece.
    price: Money,
    /// The category.
    category: Slug,
    /// The address of an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<String>,
}

pub(crate) async fn related_to(
    db: &mut PgConnection,
    sku: Sku,
    size: ListSize,
) -> Result<Recommendations, Failure> {
    found_by(db, &[sku], size).await
}

pub(crate) async fn for_customer(
    db: &mut PgConnection,
    customer_id: CustomerId,
    size: ListSize,
) -> Result<Recommendations, Failure> {
    let bought = bought(db, customer_id).await?;
    found_by(db, &bought, size).await
}

pub(crate) async fn most_popular(
    db: &mut PgConnection,
    without: &[Sku],
    size: ListSize,
) -> Result<Recommendations, Failure> {
    let skus = popular(db, without, size.rows()).await?;
    shown(db, Basis::Popular, skus).await
}

/// Finds products that go best with `these`, or else popular ones; never `these` themselves.
async fn found_by(
    db: &mut PgConnection,
    by: &[Sku],
    size: ListSize,
) -> Result<Recommendations, Failure> {
    let latest = &by[..by.len().min(LAST_BOUGHT)];
    let skus = related(db, latest, by, size.rows()).await?;
    if skus.is_empty() {
        return most_popular(db, by, size).await;
    }
    shown(db, Basis::BoughtTogether, skus).await
}

async fn shown(
    db: &mut PgConnection,
    basis: Basis,
    skus: Vec<Sku>,
) -> Result<Recommendations, Failure> {
    let ids: Vec<&str> = skus.iter().map(Sku::as_str).collect();
    let mut products = copies::get_all::<Product>(db, &ids).await?;
    // A product that was withdrawn since has no state.
    let product = |sku: Sku| products.remove(sku.as_str()).and_then(|product| product.state);
    let items = skus.into_iter().filter_map(product).map(RecommendedProduct::from).collect();
    Ok(Recommendations { basis, items })
}

impl From<Product> for RecommendedProduct {
    fn from(product: Product) -> Self {
        let Product { sku, title, price, category, image_url, .. } = product;
        Self { sku, title, price, category, image_url }
    }
}
