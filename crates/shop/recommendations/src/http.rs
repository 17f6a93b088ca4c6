//! The HTTP routes of recommendations.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use ballet::Handle;
use ballet::http::{Json, Path, Problem, Query};
use ballet_openapi::{Api, Operation};
use paging::{After, Page};
use schemars::JsonSchema;
use serde::Deserialize;
use shop_access::Caller;
use shop_events::{CustomerId, OrderId, Sku};

use crate::list_size::ListSize;
use crate::recommend::{self, Recommendations};
use crate::store::lists::{self, LearnedOrder, LearnedPair, LearnedProduct, PairPlace};

pub(crate) fn routes(handle: Handle) -> Router {
    api().router(handle)
}

pub(crate) fn api() -> Api<Handle> {
    Api::new("recommendations", "What is bought with what, and what is popular.")
        .get(
            "/products/{sku}/related",
            related,
            Operation::new("list_related_products", "List what is bought together with a product")
                .about(
                    "The products that go best with it. If too few orders say which, what is \
                     popular, also for a product that was never sold or is not known here yet.",
                )
                .answers(StatusCode::OK, "The products, the best first."),
        )
        .get(
            "/customers/{customer_id}/recommendations",
            for_customer,
            Operation::new("recommend_products", "List what a customer may like")
                .about(
                    "What goes best with the last orders of the customer, and is not in them. What \
                     is popular for somebody new.",
                )
                .answers(StatusCode::OK, "The products, the best first.")
                .refuses(StatusCode::NOT_FOUND, "The caller is another customer."),
        )
        .get(
            "/popular",
            popular,
            Operation::new("list_popular_products", "List what is popular")
                .about("An order counts half as much every 14 days.")
                .answers(StatusCode::OK, "The products, the most popular first."),
        )
        .get(
            "/learned/orders",
            learned_orders,
            Operation::new("list_learned_orders", "List the orders that count")
                .about("The oldest come first.")
                .answers(StatusCode::OK, "A page of orders."),
        )
        .get(
            "/learned/products",
            learned_products,
            Operation::new("list_learned_products", "List in how many orders each product is")
                .about("In the order of the SKUs.")
                .answers(StatusCode::OK, "A page of products."),
        )
        .get(
            "/learned/pairs",
            learned_pairs,
            Operation::new("list_learned_pairs", "List in how many orders products are together")
                .about("In the order of the SKUs.")
                .answers(StatusCode::OK, "A page of pairs."),
        )
}

/// How many products are wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The most products.
    #[serde(default)]
    limit: ListSize,
}

async fn related(
    State(handle): State<Handle>,
    Path(sku): Path<Sku>,
    Query(Wanted { limit }): Query<Wanted>,
) -> Result<Json<Recommendations>, Problem> {
    let mut db = handle.db().acquire().await?;
    Ok(Json(recommend::related_to(&mut db, sku, limit).await?))
}

async fn for_customer(
    State(handle): State<Handle>,
    caller: Caller,
    Path(customer_id): Path<CustomerId>,
    Query(Wanted { limit }): Query<Wanted>,
) -> Result<Json<Recommendations>, Problem> {
    if !caller.is_allowed(customer_id) {
        return Err(Problem::not_found(format!("there is no customer {customer_id}")));
    }
    let mut db = handle.db().acquire().await?;
    Ok(Json(recommend::for_customer(&mut db, customer_id, limit).await?))
}

async fn popular(
    State(handle): State<Handle>,
    Query(Wanted { limit }): Query<Wanted>,
) -> Result<Json<Recommendations>, Problem> {
    let mut db = handle.db().acquire().await?;
    Ok(Json(recommend::most_popular(&mut db, &[], limit).await?))
}

async fn learned_orders(
    State(handle): State<Handle>,
    Query(After { after, limit }): Query<After<OrderId>>,
) -> Result<Json<Page<LearnedOrder>>, Problem> {
    let orders = lists::orders(handle.db(), after, limit).await?;
    Ok(Json(Page::new(orders, limit, |order| order.order_id)))
}

async fn learned_products(
    State(handle): State<Handle>,
    Query(After { after, limit }): Query<After<Sku>>,
) -> Result<Json<Page<LearnedProduct>>, Problem> {
    let products = lists::products(handle.db(), after.as_ref(), limit).await?;
    Ok(Json(Page::new(products, limit, |product| product.sku.clone())))
}

async fn learned_pairs(
    State(handle): State<Handle>,
    Query(After { after, limit }): Query<After<PairPlace>>,
) -> Result<Json<Page<LearnedPair>>, Problem> {
    let pairs = lists::pairs(handle.db(), after.as_ref(), limit).await?;
    Ok(Json(Page::new(pairs, limit, LearnedPair::place)))
}
