//! The events that cancel a ride, one for each reason.

use ballet::Due;
use rides_events::dispatch::{CancelReason, PaymentDeclined, RideCancelled, RideDeadlinePassed};
use rides_events::location::NoDriverNearby;
use rides_events::{Money, RideId};

/// A ride that has had a driver for a while costs something.
pub(crate) fn by_rider(ride_id: RideId, fee: Option<Money>) -> RideCancelled {
    let reason = CancelReason::RiderCancelled;
    RideCancelled { ride_id, reason, failed_step: None, fee, detail: None }
}

/// All drivers who could be asked were asked.
pub(crate) fn unfulfilled(ride_id: RideId, drivers: u16) -> RideCancelled {
    let detail = Some(format!("{drivers} drivers were asked, and none of them drives"));
    RideCancelled {
        ride_id,
        reason: CancelReason::Unfulfilled,
        failed_step: None,
        fee: None,
        detail,
    }
}

pub(crate) fn payment_declined(event: PaymentDeclined) -> RideCancelled {
    let PaymentDeclined { ride_id, reason } = event;
    RideCancelled {
        ride_id,
        reason: CancelReason::PaymentDeclined,
        failed_step: Some("hold_fare".to_owned()),
        fee: None,
        detail: Some(format!("the payment was declined: {reason}")),
    }
}

/// No free driver is near, or only ones who did not accept before.
pub(crate) fn no_driver_nearby(event: NoDriverNearby) -> RideCancelled {
    let NoDriverNearby { ride_id, attempt } = event;
    let (reason, detail) = match attempt {
        0 | 1 => (CancelReason::NoDriverNearby, "no driver is near who is free".to_owned()),
        _ => {
            let asked = attempt - 1;
            let detail = format!("{asked} drivers were asked in vain, and no other one is near");
            (CancelReason::Unfulfilled, detail)
        }
    };
    let failed_step = Some("reserve_driver".to_owned());
    RideCancelled { ride_id, reason, failed_step, fee: None, detail: Some(detail) }
}

/// Not picked up in time.
pub(crate) fn overdue(due: Due) -> RideDeadlinePassed {
    RideDeadlinePassed { ride_id: RideId(due.saga_id.0), due_at: due.at }
}

pub(crate) fn deadline_passed(event: RideDeadlinePassed) -> RideCancelled {
    let RideDeadlinePassed { ride_id, due_at } = event;
    let detail = Some(format!("the rider was not picked up by {due_at:.0}"));
    let reason = CancelReason::DeadlinePassed;
    RideCancelled { ride_id, reason, failed_step: None, fee: None, detail }
}
