//! The answers of the HTTP routes, with the ETag of the cart that they are about.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ballet::http::{Json, Problem};
use ballet_openapi::{Answers, Created, Draft, etag, json};

use crate::cart::Cart;
use crate::checkout::Checkout;
use crate::refusals::ChangedLines;

/// 200: the cart.
#[derive(Debug)]
pub(crate) struct Found(pub(crate) Cart);

/// 201: the cart was opened.
#[derive(Debug)]
pub(crate) struct Opened(pub(crate) Cart);

/// 304: the client has this version of the cart.
#[derive(Debug)]
pub(crate) struct Known(pub(crate) i64);

/// What became of the request to check out a cart.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// 201: the cart is checked out.
    New(Checkout),
    /// 200: an earlier request of the same has checked it out.
    Before(Checkout),
    /// 409 or 412: it is not, and has this version.
    Refused(Problem, i64),
}

impl IntoResponse for Found {
    fn into_response(self) -> Response {
        ([(header::ETAG, etag(self.0.version))], Json(self.0)).into_response()
    }
}

impl Answers for Found {
    fn describe(draft: &mut Draft<'_>) {
        draft.answers::<Cart>(StatusCode::OK, "The cart.");
        tagged(draft, StatusCode::OK);
    }
}

impl IntoResponse for Opened {
    fn into_response(self) -> Response {
        let tag = [(header::ETAG, etag(self.0.version))];
        let location = format!("/carts/{}", self.0.cart_id);
        (tag, Created { location, body: self.0 }).into_response()
    }
}

impl Answers for Opened {
    fn describe(draft: &mut Draft<'_>) {
        <Created<Cart> as Answers>::describe(draft);
        tagged(draft, StatusCode::CREATED);
    }
}

impl IntoResponse for Known {
    fn into_response(self) -> Response {
        (StatusCode::NOT_MODIFIED, [(header::ETAG, etag(self.0))]).into_response()
    }
}

impl Answers for Known {
    fn describe(draft: &mut Draft<'_>) {
        draft.answers_nothing(StatusCode::NOT_MODIFIED, "The client has this version.");
        tagged(draft, StatusCode::NOT_MODIFIED);
    }
}

impl IntoResponse for Outcome {
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

impl Answers for Outcome {
    fn describe(draft: &mut Draft<'_>) {
        let schema = json!({ "type": "string", "format": "uri-reference" });
        for (status, when) in [
            (StatusCode::CREATED, "The cart is checked out."),
            (StatusCode::OK, "The same request has checked out this version before."),
        ] {
            draft.answers::<Checkout>(status, when);
            draft.header(status, "Location", "The path of the order.", &schema);
        }
        let when = "A price has changed since it was shown, or a product is withdrawn: the answer \
                    names the lines, and the cart shows them as they are now.";
        draft.refuses_with::<ChangedLines>(StatusCode::CONFLICT, when);
        tagged(draft, StatusCode::CONFLICT);
        draft.refuses(StatusCode::PRECONDITION_FAILED, "The cart has another version.");
        tagged(draft, StatusCode::PRECONDITION_FAILED);
    }
}

fn tagged(draft: &mut Draft<'_>, status: StatusCode) {
    let schema = json!({ "type": "string" });
    draft.header(status, "ETag", "The version of the cart, for `If-Match`.", &schema);
}
