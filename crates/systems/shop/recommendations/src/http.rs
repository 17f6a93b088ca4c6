//! The HTTP routes of recommendations.

use axum::extract::State;
use axum::http::StatusCode;
use ballet::Handle;
use ballet::http::{Json, Path, Problem, Query};
use ballet::openapi::{Api, Operation};
use schemars::JsonSchema;
use serde::Deserialize;
use shop_events::access::Caller;
use shop_events::{CustomerId, Sku};

use crate::recommend::{self, ListSize, Recommendations};

pub(crate) fn api() -> Api<Handle> {
    Api::new("recommendations", "Products that are bought together, and popular ones.")
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
                .about("What was bought most in the last orders.")
                .answers(StatusCode::OK, "The products, the most popular first."),
        )
}

/// The query of a list of recommendations.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// The most products.
    #[serde(default)]
    limit: ListSize,
}

async fn related(
    State(handle): State<Handle>,
    Path(sku): Path<Sku>,
    Query(ListQuery { limit }): Query<ListQuery>,
) -> Result<Json<Recommendations>, Problem> {
    let mut db = handle.db().acquire().await?;
    Ok(Json(recommend::related_to(&mut db, sku, limit).await?))
}

async fn for_customer(
    State(handle): State<Handle>,
    caller: Caller,
    Path(customer_id): Path<CustomerId>,
    Query(ListQuery { limit }): Query<ListQuery>,
) -> Result<Json<Recommendations>, Problem> {
    if !caller.is_allowed(customer_id) {
        return Err(Problem::not_found(format!("there is no customer {customer_id}")));
    }
    let mut db = handle.db().acquire().await?;
    Ok(Json(recommend::for_customer(&mut db, customer_id, limit).await?))
}

async fn popular(
    State(handle): State<Handle>,
    Query(ListQuery { limit }): Query<ListQuery>,
) -> Result<Json<Recommendations>, Problem> {
    let mut db = handle.db().acquire().await?;
    Ok(Json(recommend::most_popular(&mut db, &[], limit).await?))
}
