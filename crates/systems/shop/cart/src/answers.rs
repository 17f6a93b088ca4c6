//! A cart's ETag, and the answer to a checkout.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ballet::http::{Json, Problem};
use ballet::openapi::{Answers, Draft, Tagged, describe_etag, etag, json};

use crate::cart::Cart;
use crate::checkout::Checkout;
use crate::refusals::ChangedLines;

impl Tagged for Cart {
    type Thing = Self;
    const NAME: &'static str = "cart";

    fn version(cart: &Self) -> i64 {
        cart.version
    }

    fn location(cart: &Self) -> String {
        format!("/carts/{}", cart.cart_id)
    }
}

#[derive(Debug)]
pub(crate) enum CheckoutOutcome {
    /// 201: the cart is checked out.
    New(Checkout),
    /// 200: an earlier, identical request has checked it out.
    Before(Checkout),
    /// 409 or 412: the cart is not checked out, and has this version.
    Refused(Problem, i64),
}

impl IntoResponse for CheckoutOutcome {
    fn into_response(self) -> Response {
        let (status, checkout) = match self {
            Self::New(checkout) => (StatusCode::CREATED, checkout),
            Self::Before(checkout) => (StatusCode::OK, checkout),
            Self::Refused(problem, version) => {
                return ([(header::ETAG, etag(version))], problem).into_response();
            }
        };
        let location = format!("/orders/{}", checkout.order_id);
        let mut response = (status, Json(checkout)).into_response();
        if let Ok(location) = HeaderValue::from_str(&location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

impl Answers for CheckoutOutcome {
    fn describe(draft: &mut Draft<'_>) {
        let schema = json!({ "type": "string", "format": "uri-reference" });
        for (status, when) in [
            (StatusCode::CREATED, "The cart is checked out."),
            (StatusCode::OK, "The same request has checked out this version before."),
        ] {
            draft.answers::<Checkout>(status, when);
            draft.header(status, "Location", "The path of the order.", &schema);
        }
        let when = "A price has changed since it was shown, or a product is withdrawn or for sale \
                    again: the answer names the lines, and the cart shows them as they are now.";
        draft.refuses_with::<ChangedLines>(StatusCode::CONFLICT, when);
        describe_etag::<Cart>(draft, StatusCode::CONFLICT);
        draft.refuses(StatusCode::PRECONDITION_FAILED, "The cart has another version.");
        describe_etag::<Cart>(draft, StatusCode::PRECONDITION_FAILED);
    }
}
