//! The refusals of orders, each with a sentence for the client.

use axum::http::StatusCode;
use ballet::core::id;
use ballet::http::{Place, Problem};
use jiff::{SignedDuration, Timestamp};
use shop_events::OrderId;
use shop_events::access::unpaid::TooManyPieces;

use crate::checkout::InvalidCheckout;
use crate::prices::NotOffered;

/// An order may take this long from its checkout to here.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(1);

/// The caller has no such order. An order of just now, or its customer, may not be known here yet. So the answer
/// depends on the age of the id, and is the same for a missing order and for another customer's.
pub(crate) fn unknown(order_id: OrderId, now: Timestamp) -> Problem {
    let age = id::time_of(order_id.0).map(|drawn| now.duration_since(drawn).abs());
    let there_is_none = format!("there is no order {order_id}");
    if age.is_some_and(|age| age < ON_ITS_WAY) {
        return Problem::not_yet(format!(
            "{there_is_none} yet: one that was just checked out is here in a moment, try again"
        ));
    }
    Problem::not_found(there_is_none)
}

pub(crate) fn impossible(wrong: &InvalidCheckout) -> Problem {
    let place = Place::body(wrong.field());
    match wrong {
        InvalidCheckout::OtherPrice { .. } => Problem::conflict(wrong.to_string()).at(place),
        _ => Problem::unprocessable(wrong.to_string()).at(place),
    }
}

pub(crate) fn too_much(why: &TooManyPieces) -> Problem {
    match why {
        TooManyPieces::Alone { .. } => {
            Problem::unprocessable(why.to_string()).at(Place::body(["lines"]))
        }
        TooManyPieces::Together { .. } => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, why.to_string()).try_again()
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_may_be_on_its_way_for_a_minute_from_the_time_in_its_id() {
        let drawn: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let millis = u128::try_from(drawn.as_millisecond()).expect("after 1970");
        let of = |version: u128| OrderId::from(uuid(millis << 80 | version << 76 | 0x8 << 60 | 1));
        for (order_id, seconds, not_yet) in [
            (of(7), 0, true),
            (of(7), 59, true),
            (of(7), 60, false),
            // The clock that made the id is ahead. An id from next year is unknown.
            (of(7), -59, true),
            (of(7), -60, false),
            // The id has no time.
            (of(4), 0, false),
        ] {
            let now = drawn + SignedDuration::from_secs(seconds);
            let problem = unknown(order_id, now);
            assert_eq!(problem.status, 404);
            let expected = if not_yet { ballet::http::NOT_YET } else { "about:blank" };
            assert_eq!(problem.r#type, expected, "{order_id} after {seconds} s");
        }
    }

    fn uuid(number: u128) -> sqlx::types::Uuid {
        sqlx::types::Uuid::from_u128(number)
    }
}
