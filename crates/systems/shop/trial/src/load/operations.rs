//! The operations of clients through the gateway, and the services that each needs.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use ballet_stage::wait_until;
use ballet_trials::{
    Attempt, BegunSaga, ClientAnswer, Gateway, Operation, Site, SiteClient, id, judge, seen,
};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::load::cases::{CancelMoment, ExpectedEnd, GOOD};
use crate::load::customer::{BUYS, Customer, PATIENCE, SELLS, SUPPORTS, cart_of};

/// The limit for an operation that hangs; nothing depends on the pace.
const LONG: Duration = Duration::from_secs(300);

/// A quantity in a cart.
#[derive(Debug, Serialize)]
struct CartQuantity {
    quantity: u32,
}

const ONE: CartQuantity = CartQuantity { quantity: 1 };

#[derive(Debug)]
struct ShopClients {
    customer: Customer,
    merchant: Customer,
    /// The client that may read the payment and the shipment of any order.
    support: Customer,
    /// An order that was completed before anything was stopped.
    order: Uuid,
    cart: Uuid,
}

pub(crate) async fn operations(site: &Site, gateway: &Gateway) -> Result<Vec<Operation>> {
    let clients = Rc::new(ShopClients::new(site, gateway).await?);
    let asks = |name, needs, request: fn(&ShopClients) -> RequestBuilder| {
        let clients = Rc::clone(&clients);
        Operation::asks(name, needs, move || request(&clients))
    };
    let [check_out, place, watch, cancel] = [(); 4].map(|()| Rc::clone(&clients));
    Ok(vec![
        asks("search for a product", "catalog", |v| v.customer.get("/products/search?q=teapo")),
        asks("see a product's page", "catalog", |v| v.customer.get("/pages/product/mug"))
            .shows("inventory", "stock")
            .shows("recommendations", "related"),
        asks("see what goes with a product", "recommendations", |v| {
            v.customer.get("/recommendations/products/mug/related")
        }),
        asks("ask for the stock", "inventory", |v| v.customer.get("/stock/mug")),
        asks("publish a product", "catalog", |v| publish(&v.merchant)).once(),
        asks("receive goods", "inventory", |v| receive(&v.merchant)).once(),
        asks("put a product in a cart", "cart", |v| {
            v.customer.put(&format!("/carts/{}/items/teapot", v.cart)).json(&ONE)
        }),
        Operation::does("check out a cart", move || checks_out(Rc::clone(&check_out)))
            .needs("cart")
            .once(),
        Operation::does("place an order", move || places(Rc::clone(&place)))
            .needs("orders")
            .followed(),
        asks("read an order", "orders", |v| v.customer.get(&format!("/orders/{}", v.order))),
        Operation::does("watch an order", move || watches(Rc::clone(&watch))).needs("orders"),
        Operation::does("cancel an order", move || cancels(Rc::clone(&cancel)))
            .needs("orders")
            .once(),
        asks("see an order's page", "orders", |v| {
            v.customer.get(&format!("/pages/order/{}", v.order))
        })
        .shows("payments", "payment")
        .shows("shipping", "shipment"),
        asks("ask for a payment", "payments", |v| v.support.get(&format!("/payments/{}", v.order))),
        asks("ask for a shipment", "shipping", |v| {
            v.support.get(&format!("/shipments/{}", v.order))
        }),
    ])
}

impl ShopClients {
    async fn new(site: &Site, gateway: &Gateway) -> Result<Self> {
        let customer = Customer::new(gateway, BUYS, PATIENCE).await?;
        let token = site.token(&customer.id.to_string(), BUYS).await?;
        let client = SiteClient::new(site, 0).with(token.as_deref());
        let checkout = serde_json::to_value(customer.checkout(&GOOD, 0)?)?;
        let placed = client.done(Method::POST, "orders", "/orders", &checkout).await?;
        let order = id(&placed["order_id"])?;
        site.began("a visitor's order", order_to_complete(order));
        let is_completed = |read: &Value| read["status"] == "completed";
        client.until("orders", &format!("/orders/{order}"), "completed", is_completed).await?;
        let cart = wait_until("a cart, once cart knows the products", LONG, || async {
            let (seen, cart) = open_cart(&customer).await?;
            let id = cart["cart_id"].as_str().and_then(|id| id.parse().ok());
            if id.is_some() { Ok(id) } else { Err(anyhow::anyhow!("{seen:?}")) }
        });
        let cart = cart.await?;
        let merchant = Customer::new(gateway, SELLS, PATIENCE).await?;
        let support = Customer::new(gateway, SUPPORTS, PATIENCE).await?;
        Ok(Self { customer, merchant, support, order, cart })
    }
}

fn order_to_complete(order: Uuid) -> BegunSaga {
    BegunSaga { saga: order, end: GOOD.end.expected(None) }
}

fn placed_order((seen, body): (ClientAnswer, Value)) -> Attempt {
    let order = body["order_id"].as_str().and_then(|id| id.parse().ok());
    Attempt { seen, begun: order.map(order_to_complete) }
}

fn publish(merchant: &Customer) -> RequestBuilder {
    let sku = format!("new-{}", merchant.new_id());
    let product = json!({ "sku": sku, "title": "A new cup", "category": "home",
        "price": { "amount_minor": 900, "currency": "EUR" } });
    merchant.post_json("/products", &product)
}

fn receive(merchant: &Customer) -> RequestBuilder {
    let receipt = json!({ "receipt": merchant.new_id(), "quantity": 1 });
    merchant.post_json("/stock/mug/receive", &receipt)
}

async fn open_cart(customer: &Customer) -> Result<(ClientAnswer, Value)> {
    let checkout = customer.checkout(&GOOD, 0)?;
    Ok(seen(customer.post_json("/carts", &cart_of(&checkout))).await)
}

/// Checks out at the prices that the cart shows.
async fn checks_out(clients: Rc<ShopClients>) -> Result<Attempt> {
    let ShopClients { customer, cart, .. } = &*clients;
    let checkout = customer.checkout(&GOOD, 0)?;
    let (opened, new) = open_cart(customer).await?;
    let cart =
        if opened == ClientAnswer::Works { new } else { json!({ "cart_id": cart, "version": 1 }) };
    Ok(placed_order(seen(customer.check_out(&cart, &checkout)).await))
}

async fn places(clients: Rc<ShopClients>) -> Result<Attempt> {
    let customer = &clients.customer;
    let checkout = customer.checkout(&GOOD, 0)?;
    Ok(placed_order(seen(customer.post_json("/orders", &checkout)).await))
}

/// The order takes its time. A faster one is answered with 409: it is paid, which counts as an answer as well.
async fn cancels(clients: Rc<ShopClients>) -> Result<Attempt> {
    let customer = &clients.customer;
    let mut checkout = customer.checkout(&GOOD, 0)?;
    "card_slow".clone_into(&mut checkout.card_token);
    let placed = placed_order(seen(customer.post_json("/orders", &checkout)).await);
    let order = placed.begun.as_ref().map_or(clients.order, |begun| begun.saga);
    let (cancelled, _) = seen(customer.post(&format!("/orders/{order}/cancel"))).await;
    let too_late = matches!(&cancelled, ClientAnswer::Other(what) if what.starts_with("409"));
    let end = ExpectedEnd::CustomerCancels(CancelMoment::AtOnce);
    let end = end.expected(too_late.then_some(StatusCode::CONFLICT));
    let begun = placed.begun.map(|begun| BegunSaga { end, ..begun });
    Ok(Attempt { seen: if too_late { ClientAnswer::Works } else { cancelled }, begun })
}

/// Waits for the first change of the order's status.
async fn watches(clients: Rc<ShopClients>) -> Result<Attempt> {
    let ShopClients { customer, order, .. } = &*clients;
    let request = customer.get(&format!("/orders/{order}/events"));
    let Ok(mut answer) = request.send().await else { return Ok(ClientAnswer::Nothing.into()) };
    let kind = answer.headers().get(CONTENT_TYPE).cloned();
    if kind.is_none_or(|kind| kind != "text/event-stream") {
        return Ok(judge(answer).await.0.into());
    }
    let first = answer.chunk().await.context("the stream broke off")?.unwrap_or_default();
    let first = String::from_utf8_lossy(&first).into_owned();
    let good = first.contains("\"status\":\"placed\"");
    Ok(if good { ClientAnswer::Works } else { ClientAnswer::Other(first) }.into())
}
