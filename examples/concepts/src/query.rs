//! Answer a query in pages: the board lists what was sold, from rows of its own that follow from events.
//!
//! A page ends with a cursor, `next`, which is the `after` of the next one. It names the last row, so rows that are
//! added meanwhile shift nothing. The routes describe themselves: `GET /openapi.json` is made from these types.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use ballet::http::{Json, Problem, Query};
use ballet::openapi::{Api, Operation};
use ballet::{Failure, Handle, Migration, Service, Tx};
use common::paging::{After, Page};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::ticket_order::OrderConfirmed;

#[ballet::service("board", migrations = TABLES, routes = routes)]
impl Board {
    /// The rows that the query reads.
    #[projects]
    async fn note_sale(tx: &mut Tx<'_>, order: OrderConfirmed) -> Result<(), Failure> {
        // A message has its effect once, but only steps know an event that comes under another id.
        let note = "insert into sale (order_id, seats) values ($1, $2) on conflict do nothing";
        let note = sqlx::query(note);
        note.bind(order.order_id).bind(i32::from(order.seats)).execute(tx.db()).await?;
        Ok(())
    }
}

/// A paid order.
#[derive(Debug, Serialize, JsonSchema)]
struct Sale {
    /// The order.
    order_id: Uuid,
    /// The number of seats.
    seats: i32,
}

async fn list(
    State(handle): State<Handle>,
    Query(After { after, limit }): Query<After<Uuid>>,
) -> Result<Json<Page<Sale>>, Problem> {
    // Ids sort by time. The first page begins behind the id of zeros.
    let rows: Vec<(Uuid, i32)> = sqlx::query_as(
        "select order_id, seats from sale where order_id > $1 order by order_id limit $2",
    )
    .bind(after.unwrap_or_default())
    .bind(limit.rows())
    .fetch_all(handle.db())
    .await?;
    let sales = rows.into_iter().map(|(order_id, seats)| Sale { order_id, seats }).collect();
    Ok(Json(Page::new(sales, limit, |sale| sale.order_id)))
}

fn routes(handle: Handle) -> Router {
    Api::new("board", "What the cinema sold.")
        .get(
            "/sales",
            list,
            Operation::new("list_sales", "List sales")
                .about("The oldest order comes first.")
                .answers(StatusCode::OK, "A page of sales."),
        )
        .router(handle)
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_sale",
    sql: "create table sale (order_id uuid primary key, seats int not null)",
}];

#[must_use]
pub fn service() -> Service {
    Board::service()
}
