//! The shop's bank and carrier, whose acts no backup of the shop restores.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ballet::Failure;
use ballet::calls::CallKey;
use common::cards::{Authorization, Authorize, Capture, Provider, Refund, Settle, Void};
use common::outside::Reply;
use shipping::carrier::{
    Booking, BookingCancelled, BookingRequest, Carrier, Parcel, ParcelDelivered,
};

/// The act, its order, and its subject.
type CompanyAct = (&'static str, String, String);

/// Each acts once under a key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Companies {
    done: Arc<Mutex<BTreeMap<CallKey, CompanyAct>>>,
    /// The bank does not answer requests to capture.
    holds_captures: Arc<AtomicBool>,
    /// Parcels are on their way for as long as a test takes.
    holds_deliveries: Arc<AtomicBool>,
}

impl Companies {
    fn done(&self) -> MutexGuard<'_, BTreeMap<CallKey, CompanyAct>> {
        self.done.lock().expect("not poisoned")
    }

    fn act(&self, key: CallKey, what: &'static str, order: &impl ToString, about: &str) {
        let new = (what, order.to_string(), about.to_owned());
        let before = self.done().entry(key).or_insert_with(|| new.clone()).clone();
        assert_eq!(before, new, "a key for two requests");
    }

    fn was(&self, what: &str, about: &str) -> bool {
        self.done().values().any(|(done, _, of)| *done == what && of == about)
    }

    pub(crate) fn hold_captures(&self, hold: bool) {
        self.holds_captures.store(hold, Ordering::SeqCst);
    }

    pub(crate) fn hold_deliveries(&self, hold: bool) {
        self.holds_deliveries.store(hold, Ordering::SeqCst);
    }

    /// Returns the acts for an order, each as often as it was done.
    pub(crate) fn did(&self, order: &str) -> Vec<&'static str> {
        let done = self.done();
        let of_order = done.values().filter(|(_, of, _)| of == order);
        let mut did: Vec<&'static str> = of_order.map(|(what, _, _)| *what).collect();
        did.sort_unstable();
        did
    }
}

fn refuses(why: &'static str) -> Failure {
    Failure::transient(why)
}

impl Provider for Companies {
    fn authorize<'a>(&'a self, key: CallKey, request: &'a Authorize) -> Reply<'a, Authorization> {
        Box::pin(async move {
            if request.card_token == "card_declined" {
                return Ok(Authorization::Declined { reason: "card_declined".to_owned() });
            }
            let reference = format!("auth_{key}");
            self.act(key, "authorize", &request.order_id, &reference);
            Ok(Authorization::Approved { reference })
        })
    }

    fn capture<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Capture> {
        Box::pin(async move {
            if self.holds_captures.load(Ordering::SeqCst) {
                return Err(refuses("it captures nothing at present"));
            }
            self.act(key, "capture", &request.order_id, &request.reference);
            Ok(Capture::Captured)
        })
    }

    fn void<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Void> {
        Box::pin(async move {
            if self.was("capture", &request.reference) {
                return Err(refuses("it is captured: refund it"));
            }
            self.act(key, "void", &request.order_id, &request.reference);
            Ok(Void::Voided)
        })
    }

    fn refund<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Refund> {
        Box::pin(async move {
            if !self.was("capture", &request.reference) {
                return Err(refuses("nothing is captured"));
            }
            self.act(key, "refund", &request.order_id, &request.reference);
            Ok(Refund::Refunded)
        })
    }
}

impl Carrier for Companies {
    fn book<'a>(&'a self, key: CallKey, request: &'a BookingRequest) -> Reply<'a, Booking> {
        Box::pin(async move {
            let shipment = request.shipment_id.to_string();
            self.act(key, "book", &request.order_id, &shipment);
            Ok(Booking::Booked { tracking: format!("parcel_{key}") })
        })
    }

    fn cancel<'a>(&'a self, key: CallKey, request: &'a Parcel) -> Reply<'a, BookingCancelled> {
        Box::pin(async move {
            self.act(key, "cancel", &request.order_id, &request.tracking);
            Ok(BookingCancelled)
        })
    }

    fn delivered<'a>(&'a self, key: CallKey, request: &'a Parcel) -> Reply<'a, ParcelDelivered> {
        Box::pin(async move {
            if self.holds_deliveries.load(Ordering::SeqCst) {
                let on_its_way = Failure::not_yet("the carrier: it has no outcome yet");
                return Err(on_its_way.again_after(Duration::from_hours(1)));
            }
            self.act(key, "deliver", &request.order_id, &request.tracking);
            Ok(ParcelDelivered)
        })
    }
}
