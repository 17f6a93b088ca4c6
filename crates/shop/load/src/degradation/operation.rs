//! What a client of the shop does, which services that takes, and how it went.

use anyhow::{Context, Result};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{RequestBuilder, Response};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cases::GOOD;
use crate::customer::{Customer, cart_of};
use crate::system::GATEWAY;

/// A quantity in a cart.
#[derive(Debug, Serialize)]
struct Quantity {
    quantity: u32,
}

const ONE: Quantity = Quantity { quantity: 1 };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Search,
    ProductPage,
    Related,
    Stock,
    Publish,
    Receive,
    PutInCart,
    CheckOut,
    Place,
    Read,
    Watch,
    Cancel,
    OrderPage,
    Payment,
    Shipment,
}

/// Who tries the operations.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) customer: Customer,
    pub(crate) merchant: Customer,
    /// Somebody behind the shop, who may read the payment and the shipment of any order.
    pub(crate) support: Customer,
    /// An order that was completed before anything was stopped.
    pub(crate) order: Uuid,
    /// An open cart.
    pub(crate) cart: Uuid,
}

/// What the client saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Works,
    /// A page that says which of its parts are missing.
    Without(Vec<String>),
    /// It says when to try again.
    TryAgain {
        status: u16,
        title: String,
    },
    /// Nobody answers.
    Nothing,
    Other(String),
}

impl Operation {
    pub(crate) const ALL: [Self; 15] = [
        Self::Search,
        Self::ProductPage,
        Self::Related,
        Self::Stock,
        Self::Publish,
        Self::Receive,
        Self::PutInCart,
        Self::CheckOut,
        Self::Place,
        Self::Read,
        Self::Watch,
        Self::Cancel,
        Self::OrderPage,
        Self::Payment,
        Self::Shipment,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Search => "search for a product",
            Self::ProductPage => "see a product's page",
            Self::Related => "see what goes with a product",
            Self::Stock => "ask for the stock",
            Self::Publish => "publish a product",
            Self::Receive => "receive goods",
            Self::PutInCart => "put a product in a cart",
            Self::CheckOut => "check out a cart",
            Self::Place => "place an order",
            Self::Read => "read an order",
            Self::Watch => "watch an order",
            Self::Cancel => "cancel an order",
            Self::OrderPage => "see an order's page",
            Self::Payment => "ask for a payment",
            Self::Shipment => "ask for a shipment",
        }
    }

    /// Whether it changes nothing when it is done again, so that it may be tried until it goes as it
    /// must.
    pub(crate) const fn is_repeatable(self) -> bool {
        match self {
            Self::Search
            | Self::ProductPage
            | Self::Related
            | Self::Stock
            | Self::PutInCart
            | Self::Read
            | Self::Watch
            | Self::OrderPage
            | Self::Payment
            | Self::Shipment => true,
            Self::Publish | Self::Receive | Self::CheckOut | Self::Place | Self::Cancel => false,
        }
    }

    /// The one service without which it fails.
    pub(crate) const fn needs(self) -> &'static str {
        match self {
            Self::Search | Self::ProductPage | Self::Publish => "catalog",
            Self::Stock | Self::Receive => "inventory",
            Self::Related => "recommendations",
            Self::PutInCart | Self::CheckOut => "cart",
            Self::Place | Self::Read | Self::Watch | Self::Cancel | Self::OrderPage => "orders",
            Self::Payment => "payments",
            Self::Shipment => "shipping",
        }
    }

    /// The services without which it lacks a part, with the part's name.
    pub(crate) const fn shows(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::ProductPage => &[("inventory", "stock"), ("recommendations", "related")],
            Self::OrderPage => &[("payments", "payment"), ("shipping", "shipment")],
            _ => &[],
        }
    }

    /// What a client has to see while this service is stopped.
    pub(crate) fn expected(self, stopped: &str) -> Seen {
        if stopped == GATEWAY {
            return Seen::Nothing;
        }
        if self.needs() == stopped {
            return Seen::TryAgain { status: 503, title: "Service Unavailable".to_owned() };
        }
        let parts = self.shows().iter().filter(|(service, _)| *service == stopped);
        let parts: Vec<_> = parts.map(|(_, part)| (*part).to_owned()).collect();
        if parts.is_empty() { Seen::Works } else { Seen::Without(parts) }
    }

    /// Does it once. Returns the order that was placed by it as well.
    pub(crate) async fn attempt(self, visitor: &Visitor) -> Result<(Seen, Option<Uuid>)> {
        let Visitor { customer, merchant, support, order, cart } = visitor;
        let request = match self {
            Self::Search => customer.get("/products/search?q=teapto"),
            Self::ProductPage => customer.get("/pages/product/mug"),
            Self::Related => customer.get("/recommendations/products/mug/related"),
            Self::Stock => customer.get("/stock/mug"),
            Self::Publish => publish(merchant),
            Self::Receive => {
                let receipt = json!({ "receipt": merchant.new_id(), "quantity": 1 });
                merchant.post_json("/stock/mug/receive", &receipt)
            }
            Self::PutInCart => customer.put(&format!("/carts/{cart}/items/teapot")).json(&ONE),
            Self::CheckOut => return check_out(visitor).await,
            Self::Place => return place(customer).await,
            Self::Read => customer.get(&format!("/orders/{order}")),
            Self::Watch => return watch(customer.get(&format!("/orders/{order}/events"))).await,
            Self::Cancel => return cancel(visitor).await,
            Self::OrderPage => customer.get(&format!("/pages/order/{order}")),
            Self::Payment => support.get(&format!("/payments/{order}")),
            Self::Shipment => support.get(&format!("/shipments/{order}")),
        };
        Ok((seen(request).await?.0, None))
    }
}

impl Seen {
    /// As the page shows it.
    pub(crate) fn cell(&self) -> String {
        match self {
            Self::Works => "✓".to_owned(),
            Self::Without(parts) => format!("✓ without {}", parts.join(" and ")),
            Self::TryAgain { status, .. } => status.to_string(),
            Self::Nothing => "no answer".to_owned(),
            Self::Other(what) => what.clone(),
        }
    }
}

fn publish(merchant: &Customer) -> RequestBuilder {
    let sku = format!("new-{}", merchant.new_id());
    let product = json!({ "sku": sku, "title": "A new cup", "category": "home",
        "price": { "amount_minor": 900, "currency": "EUR" } });
    merchant.post_json("/products", &product)
}

/// Opens a cart with a product in it. Returns the cart.
pub(crate) async fn open_cart(customer: &Customer) -> Result<(Seen, Value)> {
    let checkout = customer.checkout(&GOOD, 0)?;
    seen(customer.post_json("/carts", &cart_of(&checkout))).await
}

/// Fills a cart and checks it out, at the prices that it shows.
async fn check_out(visitor: &Visitor) -> Result<(Seen, Option<Uuid>)> {
    let Visitor { customer, cart, .. } = visitor;
    let checkout = customer.checkout(&GOOD, 0)?;
    let (opened, new) = seen(customer.post_json("/carts", &cart_of(&checkout))).await?;
    let cart = if opened == Seen::Works { new } else { json!({ "cart_id": cart, "version": 1 }) };
    let (seen, body) = seen(customer.check_out(&cart, &checkout)).await?;
    Ok((seen, body["order_id"].as_str().and_then(|id| id.parse().ok())))
}

async fn place(customer: &Customer) -> Result<(Seen, Option<Uuid>)> {
    let checkout = customer.checkout(&GOOD, 0)?;
    let (seen, body) = seen(customer.post_json("/orders", &checkout)).await?;
    Ok((seen, body["order_id"].as_str().and_then(|id| id.parse().ok())))
}

/// Places an order that takes its time, and cancels it. If it was faster the answer is 409: then it is
/// paid, which is an answer as well.
async fn cancel(visitor: &Visitor) -> Result<(Seen, Option<Uuid>)> {
    let customer = &visitor.customer;
    let mut checkout = customer.checkout(&GOOD, 0)?;
    "card_slow".clone_into(&mut checkout.card_token);
    let (_, body) = seen(customer.post_json("/orders", &checkout)).await?;
    let placed = body["order_id"].as_str().and_then(|id| id.parse().ok());
    let order = placed.unwrap_or(visitor.order);
    let (cancelled, _) = seen(customer.post(&format!("/orders/{order}/cancel"))).await?;
    let decided = matches!(&cancelled, Seen::Other(what) if what.starts_with("409"));
    Ok((if decided { Seen::Works } else { cancelled }, placed))
}

/// Waits for the first change of the order's status.
async fn watch(request: RequestBuilder) -> Result<(Seen, Option<Uuid>)> {
    let Ok(mut answer) = request.send().await else { return Ok((Seen::Nothing, None)) };
    let kind = answer.headers().get(CONTENT_TYPE).cloned();
    if kind.is_none_or(|kind| kind != "text/event-stream") {
        return Ok((judge(answer).await?.0, None));
    }
    let first = answer.chunk().await.context("the stream broke off")?.unwrap_or_default();
    let first = String::from_utf8_lossy(&first).into_owned();
    let good = first.contains("\"status\":\"placed\"");
    Ok((if good { Seen::Works } else { Seen::Other(first) }, None))
}

/// Sends a request. Returns what was seen, and the body.
pub(crate) async fn seen(request: RequestBuilder) -> Result<(Seen, Value)> {
    match request.send().await {
        Ok(answer) => judge(answer).await,
        Err(error) if error.is_connect() => Ok((Seen::Nothing, Value::Null)),
        Err(error) => Ok((Seen::Other(format!("no answer: {error}")), Value::Null)),
    }
}

async fn judge(answer: Response) -> Result<(Seen, Value)> {
    let (status, waits) = (answer.status(), answer.headers().contains_key(RETRY_AFTER));
    let text = answer.text().await.context("the answer broke off")?;
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    let missing = body["missing"].as_array().into_iter().flatten();
    let missing: Vec<_> =
        missing.filter_map(|part| Some(part["part"].as_str()?.to_owned())).collect();
    let seen = if status.is_success() && missing.is_empty() {
        Seen::Works
    } else if status.is_success() {
        Seen::Without(missing)
    } else if waits {
        let title = body["title"].as_str().unwrap_or_default().to_owned();
        Seen::TryAgain { status: status.as_u16(), title }
    } else {
        Seen::Other(format!("{}: {text}", status.as_u16()))
    };
    Ok((seen, body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SERVICES;

    #[test]
    fn a_client_needs_every_service_for_something() {
        for service in SERVICES.iter() {
            let needed = Operation::ALL.iter().any(|operation| {
                operation.needs() == *service
                    || operation.shows().iter().any(|(other, _)| other == service)
            });
            assert!(needed, "{service}: add what a client does with it");
        }
    }
}
