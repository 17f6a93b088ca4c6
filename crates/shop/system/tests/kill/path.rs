//! The ways through the shop: together they have to reach whatever is to be aimed at.

use ballet_testkit::wait_until;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::world::{SOON, World};

/// A type that nobody knows: it becomes a dead letter.
pub(crate) const UNKNOWN: &str = "nobody.knows_this.v1";

/// What a customer, or somebody else, does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// Buys, over HTTP.
    Buys,
    /// Buys, with a message.
    ChecksOut,
    /// Checks out nothing.
    ChecksOutNothing,
    /// Wants more than there is.
    WantsTooMuch,
    /// Has no money.
    HasNoMoney,
    /// Lives where nobody delivers to; the card's answers get lost.
    LivesFarAway,
    /// The card does not give the money.
    CannotPay,
    /// Cancels while the money is being captured; the card's answers get lost.
    CancelsLate,
    /// Mugs come in, enough for all that follows.
    Fills,
    /// Pens come in.
    Restocks,
    /// A message comes that a service cannot take.
    Disturbs(&'static str),
}

impl Path {
    /// All of them.
    pub(crate) fn all(services: &[&'static str]) -> Vec<Self> {
        let mut all = vec![
            Self::Restocks,
            Self::Fills,
            Self::Buys,
            Self::ChecksOut,
            Self::ChecksOutNothing,
            Self::WantsTooMuch,
            Self::HasNoMoney,
            Self::LivesFarAway,
            Self::CannotPay,
            Self::CancelsLate,
        ];
        all.extend(services.iter().map(|service| Self::Disturbs(service)));
        all
    }

    /// Goes it to the end, which has to be the right one, whoever dies on the way; the order, if
    /// there is one.
    pub(crate) async fn go(self, world: &World) -> Option<String> {
        let (order_id, end) = match self {
            Self::Buys => (world.place(&goods("card_approved")).await, "completed"),
            Self::ChecksOut => (world.check_out(&goods("card_approved")).await, "completed"),
            Self::ChecksOutNothing => {
                let mut nothing = goods("card_approved");
                nothing["lines"] = json!([]);
                (world.check_out(&nothing).await, "cancelled")
            }
            Self::WantsTooMuch => {
                let mut goods = goods("card_approved");
                goods["lines"][0]["quantity"] = json!(10_000);
                (world.place(&goods).await, "cancelled")
            }
            Self::HasNoMoney => (world.place(&goods("card_declined")).await, "cancelled"),
            Self::LivesFarAway => {
                let mut goods = goods("card_flaky");
                goods["ship_to"]["country"] = json!("AQ");
                (world.place(&goods).await, "cancelled")
            }
            Self::CannotPay => (world.place(&goods("card_capture_fails")).await, "cancelled"),
            Self::CancelsLate => {
                let order_id = world.place(&goods("card_flaky")).await;
                world.is_scheduled(&order_id).await;
                let end = match world.cancel(&order_id).await {
                    StatusCode::CONFLICT => "completed",
                    _ => "cancelled",
                };
                (order_id, end)
            }
            Self::Fills => {
                world.fill().await;
                return None;
            }
            Self::Restocks => {
                world.restock().await;
                return None;
            }
            Self::Disturbs(service) => {
                disturb(world, service).await;
                return None;
            }
        };
        world.ends(&order_id, end).await;
        Some(order_id)
    }
}

/// The message is sent once, and is a dead letter once, or twice if the process died between the
/// letter and the ack.
async fn disturb(world: &World, service: &str) {
    let management = world.bed.management();
    let properties = json!({ "type": UNKNOWN, "content_type": "application/json" });
    // The default exchange, so that nobody else gets it.
    let sent = management.publish("amq.default", service, &properties, "{}").await;
    assert!(sent.expect("published"), "{service} has a queue");
    let queue = format!("{service}.dead");
    let letters = wait_until("the dead letter", SOON, || async {
        let letters = management.take(&queue, 10).await.map_err(|error| error.to_string())?;
        Ok::<_, String>((!letters.is_empty()).then_some(letters))
    });
    let letters = letters.await.expect("a dead letter");
    assert!(letters.iter().all(|letter| letter["properties"]["type"] == UNKNOWN), "{letters:?}");
}

fn goods(card_token: &str) -> Value {
    json!({
        "customer_id": "0193f7a0-0000-7000-8000-00000000c001",
        "lines": [{ "sku": "mug", "quantity": 1,
            "unit_price": { "amount_minor": 1250, "currency": "EUR" } }],
        "card_token": card_token,
        "ship_to": { "name": "Ada", "street": "Main Street 1", "postal_code": "D02",
            "city": "Dublin", "country": "IE" },
    })
}
