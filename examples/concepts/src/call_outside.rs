//! Call another company: the cashier charges a card, and refunds it if the order is cancelled all the same.
//!
//! A call is never made inside a transaction. It is stored with an idempotency key, made afterwards, and repeated
//! under the key until its answer is known. So the processor has to act once for each key. A step that calls is a
//! type with its traits, which a method of the service returns.

use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, RequestResult, call,
};
use ballet::client::{ApiAnswer, ApiClient, NoAnswer};
use ballet::{Failure, Service, Tx, compensated, done, event, refused};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ticket_order::{CardCharged, CardDeclined, SeatsHeld, TicketOrder, TicketsOrdered};

#[event("cashier.card_refunded.v1", in_saga)]
pub struct CardRefunded {}

#[derive(Debug, Serialize, Deserialize)]
pub struct Charge {
    order_id: Uuid,
    price_cents: i64,
    card: String,
}

/// A "no" of the processor is an answer. An unknown outcome is a failure, and asked for again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Charged {
    Charged,
    Declined { reason: String },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Refunded {
    Refunded,
}

#[derive(Debug)]
pub struct ChargeCard(pub ApiClient);

impl CallStep for ChargeCard {
    const NAME: &'static str = "charge_card";
    /// A join: it runs once, when both have come, in any order.
    type On = (TicketsOrdered, SeatsHeld);
    type Done = CardCharged;
    type Refused = CardDeclined;
    type Request = Charge;
    type Answer = Charged;

    async fn request(&self, _: &mut Tx<'_>, (order, _): Self::On) -> RequestResult<Self> {
        let TicketsOrdered { order_id, price_cents, card, .. } = order;
        call(Charge { order_id, price_cents, card })
    }

    async fn call(&self, key: CallKey, charge: &Charge) -> Result<Charged, Failure> {
        read(self.0.post("/charges", key, charge).await)
    }

    async fn answered(&self, _: &mut Tx<'_>, of: Charge, is: Charged) -> CallStepResult<Self> {
        let Charge { order_id, price_cents, .. } = of;
        match is {
            Charged::Charged => done(CardCharged { order_id, price_cents }),
            Charged::Declined { reason } => refused(CardDeclined { order_id, reason }),
        }
    }
}

impl CallCompensate for ChargeCard {
    type Compensated = CardRefunded;
    type UndoRequest = CardCharged;
    type UndoAnswer = Refunded;

    async fn compensate_request(
        &self,
        _: &mut Tx<'_>,
        charged: CardCharged,
    ) -> CompensateRequestResult<Self> {
        call(charged)
    }

    async fn compensate_call(&self, key: CallKey, of: &CardCharged) -> Result<Refunded, Failure> {
        read(self.0.post("/refunds", key, of).await)
    }

    async fn compensate_answered(
        &self,
        _: &mut Tx<'_>,
        _: CardCharged,
        Refunded::Refunded: Refunded,
    ) -> CallCompensateResult<Self> {
        compensated(CardRefunded {})
    }
}

/// Reads an answer. Without one the call is made again under its key.
fn read<T: DeserializeOwned>(answer: Result<ApiAnswer, NoAnswer>) -> Result<T, Failure> {
    answer.and_then(|answer| answer.read()).map_err(|lost| lost.failure("the processor"))
}

#[derive(Debug)]
struct Cashier {
    processor: ApiClient,
}

#[ballet::service("cashier", saga = TicketOrder)]
impl Cashier {
    /// The pivot: once the box office has recorded the charge, nothing is aborted. A faster cancellation refunds it.
    #[pivot]
    fn charge_card(&self) -> ChargeCard {
        ChargeCard(self.processor.clone())
    }
}

#[must_use]
pub fn service(processor: ApiClient) -> Service {
    Cashier { processor }.service()
}
