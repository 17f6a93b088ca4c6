//! The HTTP routes of catalog.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use ballet::http::{Json, Path, Problem, Query};
use ballet::{Failure, Handle, Tx};
use paging::{Limit, Page};
use serde::Deserialize;
use shop_events::catalog::{Product, ProductPriceChanged, ProductPublished, ProductWithdrawn};
use shop_events::{Money, Sku, Slug};

use crate::draft::{Draft, Invalid, checked_price};
use crate::etag::{IfMatch, IfNoneMatch, etag};
use crate::search::query;
use crate::store::product::{self, Listed, Stored};
use crate::store::search::{self, Place};

/// The longest text to search for, in characters.
const MAX_QUERY: usize = 200;

pub(crate) fn routes(handle: Handle) -> Router {
    Router::new()
        .route("/products", post(publish).get(list))
        .route("/products/search", get(find))
        .route("/products/{sku}", get(read).delete(withdraw))
        .route("/products/{sku}/price", put(set_price))
        .with_state(handle)
}

#[derive(Debug, Deserialize)]
struct Filter {
    category: Option<Slug>,
    tag: Option<Slug>,
    /// Lists the withdrawn products in place of the others.
    #[serde(default)]
    withdrawn: bool,
    after: Option<Sku>,
    #[serde(default)]
    limit: Limit,
}

async fn list(
    State(handle): State<Handle>,
    Query(filter): Query<Filter>,
) -> Result<Json<Page<Product>>, Problem> {
    let Filter { category, tag, withdrawn, after, limit } = filter;
    let listed = Listed { category, tag, withdrawn };
    let products = product::page(handle.db(), &listed, after.as_ref(), limit).await?;
    Ok(Json(Page::new(products, limit, |product| product.sku.clone())))
}

#[derive(Debug, Deserialize)]
struct Search {
    q: String,
    after: Option<Place>,
    #[serde(default)]
    limit: Limit,
}

async fn find(
    State(handle): State<Handle>,
    Query(Search { q, after, limit }): Query<Search>,
) -> Result<Json<Page<Product>>, Problem> {
    let query = read_query(&q).map_err(|why| Problem::bad_request(format!("q: {why}")))?;
    let found = search::find(handle.db(), &query, after.as_ref(), limit).await?;
    let Page { items, next } = Page::new(found, limit, search::Found::place);
    Ok(Json(Page { items: items.into_iter().map(|found| found.product).collect(), next }))
}

fn read_query(q: &str) -> Result<query::Query, String> {
    if q.chars().nth(MAX_QUERY).is_some() {
        return Err(format!("it is longer than {MAX_QUERY} characters"));
    }
    if q.contains('\0') {
        return Err("it has a NUL character".to_owned());
    }
    query::Query::read(q).map_err(|error| error.to_string())
}

async fn read(
    State(handle): State<Handle>,
    Path(sku): Path<Sku>,
    known: IfNoneMatch,
) -> Result<Response, Error> {
    let stored = product::find(handle.db(), &sku).await?;
    let product = for_sale(&sku, stored)?;
    let tag = [(header::ETAG, etag(product.version))];
    if known.has(product.version) {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    Ok((tag, Json(product)).into_response())
}

/// Publishes a product. 201, or 200 if it was published like this before: then nothing is changed.
async fn publish(
    State(handle): State<Handle>,
    Json(draft): Json<Draft>,
) -> Result<Response, Error> {
    let draft = draft.checked().map_err(invalid)?;
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let (status, product) = match product::publish(tx.db(), &draft, now).await? {
        Some(product) => {
            let event = ProductPublished(product);
            tx.publish(&event).await?;
            (StatusCode::CREATED, event.0)
        }
        None => (StatusCode::OK, published_before(&mut tx, &draft).await?),
    };
    unit.commit().await?;
    let location = format!("/products/{}", product.sku);
    let headers = [(header::LOCATION, location)];
    Ok((status, headers, [(header::ETAG, etag(product.version))], Json(product)).into_response())
}

/// The product that has the draft's SKU, if it is what the draft wants.
async fn published_before(tx: &mut Tx<'_>, draft: &Draft) -> Result<Product, Error> {
    let sku = &draft.sku;
    match product::find(tx.db(), sku).await? {
        Some(Stored { withdrawn: true, .. }) => {
            let detail =
                format!("product {sku} was withdrawn and does not come back: choose another SKU");
            Err(Problem::conflict(detail).into())
        }
        Some(Stored { product, .. }) if draft.is_like(&product) => Ok(product),
        _ => Err(Problem::conflict(format!("there is another product {sku}")).into()),
    }
}

/// Changes the price. The same price again changes nothing.
async fn set_price(
    State(handle): State<Handle>,
    Path(sku): Path<Sku>,
    of: IfMatch,
    Json(price): Json<Money>,
) -> Result<Response, Error> {
    let price = checked_price(price).map_err(invalid)?;
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
    Ok(([(header::ETAG, etag(product.version))], Json(product)).into_response())
}

async fn withdraw(
    State(handle): State<Handle>,
    Path(sku): Path<Sku>,
    of: IfMatch,
) -> Result<StatusCode, Error> {
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    to_change(&mut tx, &sku, &of).await?;
    let event = ProductWithdrawn(product::withdraw(tx.db(), &sku, now).await?);
    tx.publish(&event).await?;
    unit.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Locks a product for a change of a version that is still the current one.
async fn to_change(tx: &mut Tx<'_>, sku: &Sku, of: &IfMatch) -> Result<Product, Error> {
    let product = for_sale(sku, product::find_to_change(tx.db(), sku).await?)?;
    if of.has(product.version) { Ok(product) } else { Err(Error::Changed(product)) }
}

fn for_sale(sku: &Sku, stored: Option<Stored>) -> Result<Product, Problem> {
    match stored {
        Some(Stored { product, withdrawn: false }) => Ok(product),
        Some(Stored { product, withdrawn: true }) => Err(Problem::new(
            StatusCode::GONE,
            format!("product {sku} was withdrawn at {}", product.changed_at),
        )),
        None => Err(Problem::not_found(format!("there is no product {sku}"))),
    }
}

/// All wrong fields of a body as one answer.
fn invalid(invalid: Vec<Invalid>) -> Problem {
    let fields = invalid.iter().map(|Invalid { field, why }| format!("{field}: {why}"));
    Problem::unprocessable(fields.collect::<Vec<_>>().join("; "))
}

/// Why a request is not done.
#[derive(Debug)]
enum Error {
    Problem(Problem),
    /// The product was changed after the client had read it.
    Changed(Product),
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let product = match self {
            Self::Problem(problem) => return problem.into_response(),
            Self::Changed(product) => product,
        };
        let Product { sku, version, .. } = product;
        let detail =
            format!("product {sku} was changed: it is at version {version}, read it again");
        let problem = Problem::new(StatusCode::PRECONDITION_FAILED, detail);
        ([(header::ETAG, etag(version))], problem).into_response()
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Problem(failure.into())
    }
}
