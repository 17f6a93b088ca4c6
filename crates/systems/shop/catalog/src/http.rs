//! The HTTP routes of catalog.

use axum::extract::State;
use axum::http::StatusCode;
use ballet::http::{Json, Path, Place, Problem, Query};
use ballet::openapi::{Api, FoundThing, IfMatch, NewThing, NoContent, Operation, json};
use ballet::{Handle, Tx};
use common::paging::{Limit, Page};
use schemars::JsonSchema;
use serde::Deserialize;
use shop_events::catalog::{Product, ProductPriceChanged, ProductPublished, ProductWithdrawn};
use shop_events::{Money, Sku, Slug};

use crate::answers::Products;
use crate::draft::{ProductDraft, check_price};
use crate::store::product::{self, ProductFilter, StoredProduct};
use crate::store::search;

/// In characters.
const MAX_QUERY: usize = 200;

pub(crate) fn api() -> Api<Handle> {
    let (none, gone) = ("There never was such a product.", "The product is withdrawn.");
    let (changed, other) = (StatusCode::PRECONDITION_FAILED, "The product has another version.");
    Api::new("catalog", "The products that the shop sells, to browse, to search and to keep.")
        .get(
            "/products",
            list,
            Operation::new("list_products", "List products").about("In the order of the SKUs."),
        )
        .get(
            "/products/search",
            find,
            Operation::new("search_products", "Search products")
                .about(
                    "Finds the products that have all words, in any order and in any field, the \
                     best first. A word also finds longer ones.",
                )
                .answers(StatusCode::OK, "The best products."),
        )
        .get(
            "/products/{sku}",
            read,
            Operation::new("read_product", "Read a product")
                .refuses(StatusCode::NOT_FOUND, none)
                .refuses(StatusCode::GONE, gone),
        )
        .post(
            "/products",
            publish,
            Operation::new("publish_product", "Publish a product")
                .example(example())
                .refuses(StatusCode::CONFLICT, "There is or was a product with its SKU."),
        )
        .put(
            "/products/{sku}/price",
            set_price,
            Operation::new("set_price", "Change the price of a product")
                .example(json!({ "amount_minor": 990, "currency": "EUR" }))
                .answers(StatusCode::OK, "The product with this price.")
                .refuses(changed, other)
                .refuses(StatusCode::NOT_FOUND, none)
                .refuses(StatusCode::GONE, gone),
        )
        .delete(
            "/products/{sku}",
            withdraw,
            Operation::new("withdraw_product", "Withdraw a product")
                .about("It is no longer listed or found, and does not come back.")
                .refuses(changed, other)
                .refuses(StatusCode::NOT_FOUND, none)
                .refuses(StatusCode::GONE, "The product was withdrawn before."),
        )
}

fn example() -> ballet::openapi::Value {
    json!({
        "sku": "blue-mug",
        "title": "Blue mug",
        "description": "Holds a lot of tea.",
        "price": { "amount_minor": 1250, "currency": "EUR" },
        "category": "kitchen",
        "tags": ["blue", "tea"],
        "image_url": "https://example.org/mug.png",
    })
}

/// The query of a list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProductsQuery {
    /// Only products of this category.
    category: Option<Slug>,
    /// Only products with this tag.
    tag: Option<Slug>,
    /// The `next` of the page before.
    after: Option<Sku>,
    /// The most products on the page.
    #[serde(default)]
    limit: Limit,
}

async fn list(
    State(handle): State<Handle>,
    Query(filter): Query<ProductsQuery>,
) -> Result<Json<Page<Product>>, Problem> {
    let ProductsQuery { category, tag, after, limit } = filter;
    let listed = ProductFilter { category, tag };
    let products = product::page(handle.db(), &listed, after.as_ref(), limit).await?;
    Ok(Json(Page::new(products, limit, |product| product.sku.clone())))
}

/// The query of a search.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SearchQuery {
    /// The words to search for. The first 16 count.
    #[schemars(length(max = MAX_QUERY), regex(pattern = r"^[^\x00]*$"))]
    q: String,
    /// The most products.
    #[serde(default)]
    limit: Limit,
}

async fn find(
    State(handle): State<Handle>,
    Query(SearchQuery { q, limit }): Query<SearchQuery>,
) -> Result<Json<Page<Product>>, Problem> {
    if q.chars().nth(MAX_QUERY).is_some() || q.contains('\0') {
        let why = format!("q is at most {MAX_QUERY} characters, none of them NUL");
        return Err(Problem::bad_request(why).at(Place::query("q")));
    }
    let items = search::find(handle.db(), &q, limit).await?;
    Ok(Json(Page { items, next: None }))
}

async fn read(
    State(handle): State<Handle>,
    Path(sku): Path<Sku>,
) -> Result<FoundThing<Products>, Problem> {
    for_sale(&sku, product::find(handle.db(), &sku).await?).map(FoundThing)
}

async fn publish(
    State(handle): State<Handle>,
    Json(draft): Json<ProductDraft>,
) -> Result<NewThing<Products>, Problem> {
    let draft = draft.checked()?;
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let Some(product) = product::publish(tx.db(), &draft, now).await? else {
        let why = format!("there is or was a product {}: choose another SKU", draft.sku);
        return Err(Problem::conflict(why));
    };
    let event = ProductPublished(product);
    tx.publish(&event).await?;
    unit.commit().await?;
    Ok(NewThing(event.0))
}

/// The same price changes nothing.
async fn set_price(
    State(handle): State<Handle>,
    Path(sku): Path<Sku>,
    of: IfMatch,
    Json(price): Json<Money>,
) -> Result<FoundThing<Products>, Problem> {
    check_price("amount_minor", price)?;
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let mut product = to_change(&mut tx, &sku, &of).await?;
    if product.price != price {
        let event = ProductPriceChanged(product::set_price(tx.db(), &sku, price, now).await?);
        tx.publish(&event).await?;
        product = event.0;
    }
    unit.commit().await?;
    Ok(FoundThing(product))
}

async fn withdraw(
    State(handle): State<Handle>,
    Path(sku): Path<Sku>,
    of: IfMatch,
) -> Result<NoContent, Problem> {
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    to_change(&mut tx, &sku, &of).await?;
    let event = ProductWithdrawn(product::withdraw(tx.db(), &sku, now).await?);
    tx.publish(&event).await?;
    unit.commit().await?;
    Ok(NoContent)
}

/// Refuses unless the client has read the current version.
async fn to_change(tx: &mut Tx<'_>, sku: &Sku, of: &IfMatch) -> Result<Product, Problem> {
    let product = for_sale(sku, product::find_to_change(tx.db(), sku).await?)?;
    if of.has(product.version) {
        return Ok(product);
    }
    let why = format!("product {sku} is at version {} now: read it again", product.version);
    let problem = Problem::new(StatusCode::PRECONDITION_FAILED, why);
    Err(problem.at(Place::header("If-Match")))
}

fn for_sale(sku: &Sku, stored: Option<StoredProduct>) -> Result<Product, Problem> {
    match stored {
        Some(StoredProduct { product, withdrawn: false }) => Ok(product),
        Some(StoredProduct { product, withdrawn: true }) => Err(Problem::new(
            StatusCode::GONE,
            format!("product {sku} was withdrawn at {}", product.changed_at),
        )),
        None => Err(Problem::not_found(format!("there is no product {sku}"))),
    }
}
