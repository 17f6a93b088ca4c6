//! A delivery on its way to the service, with its receipt.

use std::sync::Arc;

use crate::consumer::receipt::Receipt;
use crate::session::message::Delivery;

/// One delivery, and the receipt that settles it.
#[derive(Debug)]
pub struct Arrival {
    /// The message as delivered.
    pub delivery: Delivery,
    /// Settled once the message is committed or safely set aside.
    pub receipt: Receipt,
}

/// Receives each arrival. It must not block. The prefetch bounds the number of unsettled arrivals.
pub type Sink = Arc<dyn Fn(Arrival) + Send + Sync>;
