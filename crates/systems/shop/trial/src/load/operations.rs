//! The operations of clients through the gateway, and the services that each needs.

use std::sync::Arc;

use anyhow::{Context, Result};
use ballet_trials::{
    Attempt, BegunSaga, ClientAnswer, Operation, Site, SiteClient, id, judge, seen,
};
use reqwest::header::{CONTENT_TYPE, IF_MATCH};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::load::cases::{self, CancelMoment, ExpectedEnd, GOOD, OrderCase};
use crate::load::customers::{SUPPORTS, buy_by_cart, cart_of};

#[derive(Debug)]
struct Visitor {
    site: Arc<Site>,
    token: Option<String>,
    customer: Uuid,
    /// An order that was completed before anything was stopped.
    order: Uuid,
    cart: Uuid,
}

pub(crate) async fn operations(site: &Arc<Site>) -> Result<Vec<Operation>> {
    let visitor = Arc::new(Visitor::new(site).await?);
    let asks = |name, service, method: Method, path: String, body: fn(&Site) -> Value| {
        let visitor = Arc::clone(&visitor);
        let act = move || Arc::clone(&visitor).asks(service, method.clone(), path.clone(), body);
        Operation::does(name, act).needs(service)
    };
    let reads = |name, service, path| asks(name, service, Method::GET, path, |_| Value::Null);
    let (order, put, post) = (visitor.order, Method::PUT, Method::POST);
    let item = format!("/carts/{}/items/teapot", visitor.cart);
    let [check_out, place, watch, cancel] = [(); 4].map(|()| Arc::clone(&visitor));
    Ok(vec![
        reads("search for a product", "catalog", "/products/search?q=teapo".to_owned()),
        reads("see a product's page", "catalog", "/pages/product/mug".to_owned())
            .shows("inventory", "stock")
            .shows("recommendations", "related"),
        reads(
            "see what goes with a product",
            "recommendations",
            "/recommendations/products/mug/related".to_owned(),
        ),
        reads("ask for the stock", "inventory", "/stock/mug".to_owned()),
        asks("publish a product", "catalog", post.clone(), "/products".to_owned(), new_product)
            .once(),
        asks("receive goods", "inventory", post, "/stock/mug/receive".to_owned(), receipt).once(),
        asks("put a product in a cart", "cart", put, item, |_| json!({ "quantity": 1 })),
        Operation::does("check out a cart", move || Arc::clone(&check_out).checks_out())
            .needs("cart")
            .once(),
        Operation::does("place an order", move || Arc::clone(&place).places(GOOD))
            .needs("orders")
            .followed(),
        reads("read an order", "orders", format!("/orders/{order}")),
        Operation::does("watch an order", move || Arc::clone(&watch).watches()).needs("orders"),
        Operation::does("cancel an order", move || Arc::clone(&cancel).cancels())
            .needs("orders")
            .once(),
        reads("see an order's page", "orders", format!("/pages/order/{order}"))
            .shows("payments", "payment")
            .shows("shipping", "shipment"),
        reads("ask for a payment", "payments", format!("/payments/{order}")),
        reads("ask for a shipment", "shipping", format!("/shipments/{order}")),
    ])
}

impl Visitor {
    async fn new(site: &Arc<Site>) -> Result<Self> {
        let customer = site.new_id();
        let token = site.token(&customer.to_string(), SUPPORTS).await?;
        let client = SiteClient::new(site, 0).with(token.as_deref());
        let checkout = cases::checkout(&GOOD, 0, customer)?;
        let order = buy_by_cart(client, &checkout).await?;
        site.began("a visitor's order", to_complete(order));
        let is_completed = |read: &Value| read["status"] == "completed";
        client.until("orders", &format!("/orders/{order}"), "completed", is_completed).await?;
        let cart = client.done(Method::POST, "cart", "/carts", &cart_of(&checkout)).await?;
        let cart = id(&cart["cart_id"])?;
        Ok(Self { site: Arc::clone(site), token, customer, order, cart })
    }

    fn client(&self) -> SiteClient<'_> {
        SiteClient::new(&self.site, 0).with(self.token.as_deref())
    }

    async fn asks(
        self: Arc<Self>,
        service: &'static str,
        method: Method,
        path: String,
        body: fn(&Site) -> Value,
    ) -> Result<Attempt> {
        Ok(self.client().once(method, service, &path, &body(&self.site)).await.0.into())
    }

    /// Checks out at the prices that the cart shows.
    async fn checks_out(self: Arc<Self>) -> Result<Attempt> {
        let client = self.client();
        let checkout = cases::checkout(&GOOD, 0, self.customer)?;
        let (_, opened) = client.once(Method::POST, "cart", "/carts", &cart_of(&checkout)).await;
        // Without a new cart, the old one is tried: its answer is judged.
        let path = format!("/carts/{}/checkout", id(&opened["cart_id"]).unwrap_or(self.cart));
        let terms = json!({ "card_token": checkout.card_token, "ship_to": checkout.ship_to });
        let request = client.request(Method::POST, "cart", &path, &terms).await?;
        Ok(placed(seen(request.header(IF_MATCH, "\"1\"")).await))
    }

    async fn places(self: Arc<Self>, case: OrderCase) -> Result<Attempt> {
        let checkout = serde_json::to_value(cases::checkout(&case, 0, self.customer)?)?;
        Ok(placed(self.client().once(Method::POST, "orders", "/orders", &checkout).await))
    }

    /// The order takes its time. A faster one is answered with 409: it is paid, which counts as an answer as well.
    async fn cancels(self: Arc<Self>) -> Result<Attempt> {
        let slow = OrderCase { card: "card_slow", ..GOOD };
        let placed = Arc::clone(&self).places(slow).await?;
        let order = placed.begun.as_ref().map_or(self.order, |begun| begun.saga);
        let path = format!("/orders/{order}/cancel");
        let (answer, _) = self.client().once(Method::POST, "orders", &path, &Value::Null).await;
        let too_late = matches!(&answer, ClientAnswer::Other(what) if what.starts_with("409"));
        let end = ExpectedEnd::CustomerCancels(CancelMoment::AtOnce);
        let end = end.expected(too_late.then_some(StatusCode::CONFLICT));
        let begun = placed.begun.map(|begun| BegunSaga { end, ..begun });
        Ok(Attempt { seen: if too_late { ClientAnswer::Works } else { answer }, begun })
    }

    /// Waits for the first change of the order's status.
    async fn watches(self: Arc<Self>) -> Result<Attempt> {
        let path = format!("/orders/{}/events", self.order);
        let request = self.client().request(Method::GET, "orders", &path, &Value::Null).await?;
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
}

fn to_complete(order: Uuid) -> BegunSaga {
    BegunSaga { saga: order, end: GOOD.end.expected(None) }
}

fn placed((seen, body): (ClientAnswer, Value)) -> Attempt {
    Attempt { seen, begun: id(&body["order_id"]).ok().map(to_complete) }
}

fn new_product(site: &Site) -> Value {
    let sku = format!("new-{}", site.new_id());
    json!({ "sku": sku, "title": "A new cup", "category": "home",
        "price": { "amount_minor": 900, "currency": "EUR" } })
}

fn receipt(site: &Site) -> Value {
    json!({ "receipt": site.new_id(), "quantity": 1 })
}
