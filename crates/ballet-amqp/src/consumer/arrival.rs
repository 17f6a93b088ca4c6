//! A delivery on its way to the service.

use std::sync::Arc;

use crate::consumer::receipt::Receipt;
use crate::session::message::Delivery;

/// One delivery, and the means to say that it is done.
#[derive(Debug)]
pub struct Arrival {
    /// The message as it came.
    pub delivery: Delivery,
    /// To be settled once the message is committed or safely set aside.
    pub receipt: Receipt,
}

/// Takes each arrival. It must not block: what is in hand is bounded by the prefetch.
pub type Sink = Arc<dyn Fn(Arrival) + Send + Sync>;
