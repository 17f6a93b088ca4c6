//! The HTTP routes of catalog.

use axum::extract::State;
use axum::http::StatusCode;
use ballet::http::{Json, Path, Place, Problem, Query};
use ballet::openapi::{
    Api, Either, FoundThing, IfMatch, IfNoneMatch, NewThing, NoContent, Operation, UnchangedThing,
    json,
};
use ballet::{Handle, Tx};
use common::paging::{Limit, Page};
use schemars::JsonSchema;
use serde::Deserialize;
use shop_events::catalog::{Product, ProductPriceChanged, ProductPublished, ProductWithdrawn};
use shop_events::{Money, Sku, Slug};

use crate::answers::{Products, VersionMismatch};
use crate::draft::{InvalidField, ProductDraft, checked_price};
use crate::store::product::{self, ProductFilter, StoredProduct};
use crate::store::search;

/// In characters.
const MAX_QUERY: usize = 200;

pub(crate) fn api() -> Api<Handle> {
    let (none, gone) = ("There never was such a product.", "The product is withdrawn.");
    Api::new("catalog", "The products that the shop sells, to browse, to search and to keep.")
        .get(
            "/products",
            list,
            Operation::new("list_products", "List products")
                .about("In the order of the SKUs.")
                .answers(StatusCode::OK, "A page of products."),
        )
        .get(
            "/products/search",
            find,
            Operation::new("search_products", "Search products")
                .about(
                    "Finds the products that have all words, in any order and in any field, the \
                     best first. A word also finds longer ones.",
                )
                .answers(StatusCode::OK, "A page of products."),
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
                .answers(StatusCode::CREATED, "The product is published.")
                .answers(StatusCode::OK, "It was published like this before.")
                .refuses(StatusCode::CONFLICT, "There is or was another product with its SKU."),
        )
        .put(
            "/products/{sku}/price",
            set_price,
            Operation::new("set_price", "Change the price of a product")
                .example(json!({ "amount_minor": 990, "currency": "EUR" }))
                .answers(StatusCode::OK, "The product with this price.")
                .refuses(StatusCode::NOT_FOUND, none)
                .refuses(StatusCode::GONE, gone),
        )
        .delete(
            "/products/{sku}",
            withdraw,
            Operation::new("withdraw_product", "Withdraw a product")
                .about("It is no longer listed or found, and does not come back.")
                .answers(StatusCode::NO_CONTENT, "The product is withdrawn.")
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
    /// The withdrawn products instead of the others.
    #[serde(default)]
    withdrawn: bool,
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
    let ProductsQuery { category, tag, withdrawn, after, limit } = filter;
    let listed = ProductFilter { category, tag, withdrawn };
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
    /// The `next` of the page before.
    after: Option<search::SearchCursor>,
    /// The most products on the page.
    #[serde(default)]
    limit: Limit,
}

async fn find(
    State(handle): State<Handle>,
    Query(SearchQuery { q, after, limit }): Query<SearchQuery>,
) -> Result<Json<Page<Product>>, Problem> {
    check_query(&q)
        .map_err(|why| Problem::bad_request(format!("q: {why}")).and(Place::query("q"), why))?;
    let found = search::find(handle.db(), &q, after.as_ref(), limit).await?;
    let Page { items, next } = Page::new(found, limit, search::SearchHit::cursor);
    Ok(Json(Page { items: items.into_iter().map(|found| found.product).collect(), next }))
}

fn check_query(q: &str) -> Result<(), String> {
    if q.chars().nth(MAX_QUERY).is_some() {
        return Err(format!("it is longer than {MAX_QUERY} characters"));
    }
    if q.contains('\0') {
        return Err("it has a NUL character".to_owned());
    }
    Ok(())
}

async fn read(
    State(handle): State<Handle>,
    Path(sku): Path<Sku>,
    known: IfNoneMatch,
) -> Result<Either<FoundThing<Products>, UnchangedThing<Products>>, Problem> {
    let stored = product::find(handle.db(), &sku).await?;
    let product = for_sale(&sku, stored)?;
    if known.has(product.version) {
        Ok(Either::That(UnchangedThing(product)))
    } else {
        Ok(Either::This(FoundThing(product)))
    }
}

/// A product that was published before changes nothing.
async fn publish(
    State(handle): State<Handle>,
    Json(draft): Json<ProductDraft>,
) -> Result<Either<NewThing<Products>, FoundThing<Products>>, Problem> {
    let draft = draft.checked().map_err(invalid)?;
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let answer = match product::publish(tx.db(), &draft, now).await? {
        Some(product) => {
            let event = ProductPublished(product);
            tx.publish(&event).await?;
            Either::This(NewThing(event.0))
        }
        None => Either::That(FoundThing(published_before(&mut tx, &draft).await?)),
    };
    unit.commit().await?;
    Ok(answer)
}

/// Returns the product if it has the draft's contents.
async fn published_before(tx: &mut Tx<'_>, draft: &ProductDraft) -> Result<Product, Problem> {
    let sku = &draft.sku;
    match product::find(tx.db(), sku).await? {
        Some(StoredProduct { withdrawn: true, .. }) => Err(Problem::conflict(format!(
            "product {sku} was withdrawn and does not come back: choose another SKU"
        ))),
        Some(StoredProduct { product, .. }) if draft.is_like(&product) => Ok(product),
        _ => Err(Problem::conflict(format!("there is another product {sku}"))),
    }
}

/// The same price changes nothing.
async fn set_price(
    State(handle): State<Handle>,
    Path(sku): Path<Sku>,
    of: IfMatch,
    Json(price): Json<Money>,
) -> Result<Either<FoundThing<Products>, VersionMismatch>, Problem> {
    let price = checked_price(price).map_err(invalid)?;
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let mut product = match to_change(&mut tx, &sku, &of).await? {
        Ok(product) => product,
        Err(changed) => return Ok(Either::That(changed)),
    };
    if product.price != price {
        let event = ProductPriceChanged(product::set_price(tx.db(), &sku, price, now).await?);
        tx.publish(&event).await?;
        product = event.0;
    }
    unit.commit().await?;
    Ok(Either::This(FoundThing(product)))
}

async fn withdraw(
    State(handle): State<Handle>,
    Path(sku): Path<Sku>,
    of: IfMatch,
) -> Result<Either<NoContent, VersionMismatch>, Problem> {
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    if let Err(changed) = to_change(&mut tx, &sku, &of).await? {
        return Ok(Either::That(changed));
    }
    let event = ProductWithdrawn(product::withdraw(tx.db(), &sku, now).await?);
    tx.publish(&event).await?;
    unit.commit().await?;
    Ok(Either::This(NoContent))
}

/// Refuses unless the client has read the current version.
async fn to_change(
    tx: &mut Tx<'_>,
    sku: &Sku,
    of: &IfMatch,
) -> Result<Result<Product, VersionMismatch>, Problem> {
    let product = for_sale(sku, product::find_to_change(tx.db(), sku).await?)?;
    Ok(if of.has(product.version) { Ok(product) } else { Err(VersionMismatch(product)) })
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

/// Returns all invalid fields in one answer.
fn invalid(invalid: Vec<InvalidField>) -> Problem {
    let fields = invalid.iter().map(|InvalidField { field, why }| format!("{field}: {why}"));
    let problem = Problem::unprocessable(fields.collect::<Vec<_>>().join("; "));
    invalid.into_iter().fold(problem, |problem, InvalidField { field, why }| {
        problem.and(Place::body(field.split('.')), why)
    })
}
