//! The refusals of orders, each with a sentence for the client.

use axum::http::StatusCode;
use ballet::http::{Place, Problem};
use shop_events::OrderId;

use crate::checkout::InvalidCheckout;
use crate::prices::NotOffered;

/// The caller has no such order. One that was just checked out may not be known here yet, and the answer is the same
/// for a missing order and for another customer's.
pub(crate) fn unknown(order_id: OrderId) -> Problem {
    Problem::not_yet(format!(
        "there is no order {order_id}; one that was just checked out is here in a moment"
    ))
}

pub(crate) fn impossible(wrong: &InvalidCheckout) -> Problem {
    let (why, place) = (wrong.to_string(), Place::body(wrong.field.split('.')));
    match wrong.is_price {
        true => Problem::conflict(why).at(place),
        false => Problem::unprocessable(why).at(place),
    }
}

pub(crate) fn not_offered(why: &NotOffered) -> Problem {
    match why {
        NotOffered::Wrong(wrong) => impossible(wrong),
        // The client may be wrong, which is no failure of the service.
        NotOffered::NotYet { is_filled: true, .. } => {
            Problem::conflict(why.to_string()).try_again()
        }
        NotOffered::NotYet { is_filled: false, .. } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, why.to_string())
        }
    }
}
