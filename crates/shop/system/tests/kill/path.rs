//! The ways through the shop: together they have to reach whatever is to be aimed at.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::world::World;
use crate::{carts, refill};

/// What a customer, or somebody else, does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// Buys, over HTTP.
    Buys,
    /// Fills a cart and checks it out, twice: the first card is declined.
    Carts,
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
    /// Does not get to pay in time.
    IsOverdue,
    /// Mugs come in, enough for all that follows, and catalog sells them.
    Fills,
    /// Pens come in.
    Restocks,
    /// A product is published, gets another price, and is withdrawn.
    Catalogs,
    /// Services have lost their copies of the products, and ask for all of them. They ask at their
    /// first start, too, so this is the first path.
    Refills,
    /// A message comes that a service cannot take.
    Disturbs(&'static str),
}

impl Path {
    /// All of them.
    pub(crate) fn all(services: &[&'static str]) -> Vec<Self> {
        let mut all = vec![
            Self::Refills,
            Self::Restocks,
            Self::Catalogs,
            Self::Fills,
            Self::Buys,
            Self::Carts,
            Self::ChecksOut,
            Self::ChecksOutNothing,
            Self::WantsTooMuch,
            Self::HasNoMoney,
            Self::LivesFarAway,
            Self::CannotPay,
            Self::CancelsLate,
            Self::IsOverdue,
        ];
        all.extend(services.iter().map(|service| Self::Disturbs(service)));
        all
    }

    /// Whether the order may be completed before it can be cancelled.
    pub(crate) fn is_late(self) -> bool {
        matches!(self, Self::CancelsLate | Self::IsOverdue)
    }

    /// Goes it to the end, which has to be the right one, whoever dies on the way; the order, if
    /// there is one.
    pub(crate) async fn go(self, world: &World) -> Option<String> {
        let (order_id, end) = match self {
            Self::Buys => (world.place(&goods("card_approved")).await, "completed"),
            Self::Carts => (carts::shop(world, &goods("card_approved")).await, "completed"),
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
            Self::IsOverdue => {
                let order_id = world.place(&goods("card_slow")).await;
                world.becomes_due(&order_id).await;
                // While orders is dead the money may be captured, and then that came first.
                let end = world.ends_somehow(&order_id).await;
                (order_id, end)
            }
            Self::Fills => {
                world.assortment.fill(&world.services).await;
                world.sells("mug").await;
                return None;
            }
            Self::Restocks => {
                world.assortment.restock(&world.services).await;
                return None;
            }
            Self::Catalogs => {
                world.assortment.catalog(&world.services).await;
                return None;
            }
            Self::Refills => {
                refill::refill(world).await;
                return None;
            }
            Self::Disturbs(service) => {
                world.disturb(service).await;
                return None;
            }
        };
        world.ends(&order_id, end).await;
        Some(order_id)
    }
}

pub(crate) fn goods(card_token: &str) -> Value {
    json!({
        "customer_id": "0193f7a0-0000-7000-8000-00000000c001",
        "lines": [{ "sku": "mug", "quantity": 1,
            "unit_price": { "amount_minor": 1250, "currency": "EUR" } }],
        "card_token": card_token,
        "ship_to": { "name": "Ada", "street": "Main Street 1", "postal_code": "D02",
            "city": "Dublin", "country": "IE" },
    })
}
