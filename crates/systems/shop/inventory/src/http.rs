//! The HTTP routes of inventory.

use axum::extract::State;
use axum::http::StatusCode;
use ballet::Handle;
use ballet::http::{Json, Path, Place, Problem, Query};
use ballet::openapi::{Api, Operation, json};
use common::paging::{After, Page};
use schemars::JsonSchema;
use serde::Deserialize;
use shop_events::Sku;
use shop_events::inventory::StockReceived;

use crate::store::stock::{self, ReceiptOutcome, Stock};

const MAX_RECEIVED: u64 = 1_000_000_000;
/// The maximum length of a delivery note's number, in characters.
const MAX_RECEIPT: usize = 100;

pub(crate) fn api() -> Api<Handle> {
    Api::new("inventory", "The stock of each product, and what is held of it for orders.")
        .get(
            "/stock",
            list,
            Operation::new("list_stock", "List the stock").about("In the order of the SKUs."),
        )
        .get(
            "/stock/{sku}",
            read,
            Operation::new("read_stock", "Read the stock of a product")
                .refuses(StatusCode::NOT_FOUND, "The product was never received."),
        )
        .post(
            "/stock/{sku}/receive",
            receive,
            Operation::new("receive_stock", "Receive goods")
                .about("Repeating a request changes nothing: the delivery note counts once.")
                .example(json!({ "receipt": "note-4711", "quantity": 10 }))
                .answers(StatusCode::OK, "The stock with the goods.")
                .refuses(
                    StatusCode::CONFLICT,
                    "The delivery note was counted before with another quantity.",
                ),
        )
}

async fn list(
    State(handle): State<Handle>,
    Query(After { after, limit }): Query<After<Sku>>,
) -> Result<Json<Page<Stock>>, Problem> {
    let stock = stock::page(handle.db(), after.as_ref(), limit).await?;
    Ok(Json(Page::new(stock, limit, |stock| stock.sku.clone())))
}

async fn read(State(handle): State<Handle>, Path(sku): Path<Sku>) -> Result<Json<Stock>, Problem> {
    let stock = stock::find(handle.db(), &sku).await?;
    stock.map(Json).ok_or_else(|| Problem::not_found(format!("{sku} was never received")))
}

/// A receipt of goods.
#[derive(Debug, Deserialize, JsonSchema)]
struct Receipt {
    /// The delivery note's number, without control characters.
    #[schemars(length(min = 1, max = MAX_RECEIPT))]
    receipt: String,
    /// The quantity.
    #[schemars(range(min = 1, max = MAX_RECEIVED))]
    quantity: u64,
}

async fn receive(
    State(handle): State<Handle>,
    Path(sku): Path<Sku>,
    Json(Receipt { receipt, quantity }): Json<Receipt>,
) -> Result<Json<Stock>, Problem> {
    if !(1..=MAX_RECEIVED).contains(&quantity) {
        return Err(Problem::unprocessable(format!("quantity is 1 to {MAX_RECEIVED}"))
            .at(Place::body(["quantity"])));
    }
    if !(1..=MAX_RECEIPT).contains(&receipt.chars().count())
        || receipt.chars().any(char::is_control)
    {
        return Err(Problem::unprocessable(format!(
            "receipt is the delivery note's number: 1 to {MAX_RECEIPT} characters, none of them a \
             control character"
        ))
        .at(Place::body(["receipt"])));
    }
    let received = StockReceived { sku, quantity, receipt };
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    match stock::receive(tx.db(), &received, now).await? {
        ReceiptOutcome::Now => tx.publish(&received).await?,
        ReceiptOutcome::Before => {}
        ReceiptOutcome::Differently { quantity } => {
            return Err(Problem::conflict(format!(
                "receipt {:?} was counted before with {quantity} of {}",
                received.receipt, received.sku
            )));
        }
    }
    let stock = stock::find(tx.db(), &received.sku).await?;
    unit.commit().await?;
    stock.map(Json).ok_or_else(|| Problem::not_found("the stock is gone"))
}
