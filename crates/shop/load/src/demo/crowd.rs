//! Customers who come one after the other while the demo runs. Each change between success and failure is printed
//! once.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

use crate::cases::{self, Goods, OrderCase};
use crate::customer::{Customer, cart_of};
use crate::open_shop::OpenShop;
use ballet_terminal::ui;

/// The pause between two customers.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Crowd {
    customers: Vec<Customer>,
    cases: Vec<OrderCase>,
}

/// The last outcome of each kind of request.
#[derive(Debug, Default)]
struct LastOutcomes(BTreeMap<&'static str, RequestOutcome>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct RequestOutcome {
    status: Option<StatusCode>,
    /// The missing parts of a page.
    missing: Vec<String>,
}

impl Crowd {
    pub(crate) fn new(shop: &OpenShop) -> Self {
        let mut cases = cases::cases(100);
        cases.retain(|case| case.goods == Goods::Plenty);
        Self { customers: shop.customers.clone(), cases }
    }

    /// Runs customers for ever.
    pub(crate) async fn shop(&self) {
        let mut outcomes = LastOutcomes::default();
        let mut last = vec![None; self.customers.len()];
        for (number, case) in self.cases.iter().cycle().enumerate() {
            let at = number % self.customers.len();
            let customer = &self.customers[at];
            let before = last[at].take();
            let order = visit(customer, number, case, before.as_ref(), &mut outcomes).await;
            last[at] = order.or(before);
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// One customer searches, reads the page, fills a cart, checks it out, and reads the page of the order before.
async fn visit(
    customer: &Customer,
    number: usize,
    case: &OrderCase,
    last: Option<&String>,
    outcomes: &mut LastOutcomes,
) -> Option<String> {
    let checkout = customer.checkout(case, number).ok()?;
    let sku = checkout.lines.first()?.sku.as_str();
    outcomes.of("search", customer.get(&format!("/products/search?q={sku}"))).await;
    outcomes.of("a product's page", customer.get(&format!("/pages/product/{sku}"))).await;
    let cart = customer.post_json("/carts", &cart_of(&checkout));
    let placed = match outcomes.of("a cart", cart).await {
        Some(cart) => outcomes.of("a checkout", customer.check_out(&cart, &checkout)).await,
        // A client without a cart can still order.
        None => outcomes.of("an order", customer.post_json("/orders", &checkout)).await,
    };
    if let Some(last) = last {
        outcomes.of("an order's page", customer.get(&format!("/pages/order/{last}"))).await;
    }
    Some(placed?["order_id"].as_str()?.to_owned())
}

impl LastOutcomes {
    /// Sends a request, and prints its outcome if it differs from the last one of this kind.
    async fn of(&mut self, what: &'static str, request: RequestBuilder) -> Option<Value> {
        let (status, body, error) = match request.send().await {
            Ok(answer) => (Some(answer.status()), answer.json().await.unwrap_or_default(), None),
            Err(error) => (None, Value::Null, Some(error)),
        };
        let missing = body["missing"].as_array().into_iter().flatten();
        // The payment of an order that was placed a moment ago does not exist yet.
        let missing = missing.filter(|part| part["status"] != StatusCode::NOT_FOUND.as_u16());
        let missing = missing.filter_map(|part| Some(part["part"].as_str()?.to_owned())).collect();
        let outcome = RequestOutcome { status, missing };
        let before = self.0.insert(what, outcome.clone());
        let worked = before.as_ref().is_none_or(RequestOutcome::works);
        if before.as_ref() != Some(&outcome) && !(worked && outcome.works()) {
            let why = match (&error, outcome.status) {
                _ if outcome.works() => "works again".to_owned(),
                (_, Some(status)) if status.is_success() => {
                    format!("comes without {}", outcome.missing.join(" and "))
                }
                (Some(error), _) => format!("no answer: {error}"),
                (_, status) => {
                    let status = status.map(|status| status.as_u16()).unwrap_or_default();
                    format!("{status}, {}", body["detail"].as_str().unwrap_or_default())
                }
            };
            ui::say(&format!("customers: {what}: {why}"));
        }
        outcome.works().then_some(body)
    }
}

impl RequestOutcome {
    fn works(&self) -> bool {
        // The order of a checkout exists a moment later.
        let answered = |status: StatusCode| status.is_success() || status == StatusCode::NOT_FOUND;
        self.status.is_some_and(answered) && self.missing.is_empty()
    }
}
