//! The routes, with the texts of their OpenAPI document.

use axum::http::StatusCode;
use ballet::openapi::{Api, Operation, Value, json};

use crate::http::changes::{clear, open, put_item, remove_item};
use crate::http::check_out::check_out;
use crate::http::reading::{list, read};
use crate::http::state::CartsState;

pub(crate) fn api() -> Api<CartsState> {
    let no_cart = "There is no such cart.";
    let just_published = "A product that was just published may not be known yet: try again after \
                          `Retry-After`.";
    let not_open = "The cart is checked out, or was bought.";
    let (ok, missing, conflict) = (StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::CONFLICT);
    Api::new("cart", "What customers want to buy, and the checkouts that become orders.")
        .get(
            "/carts",
            list,
            Operation::new("list_carts", "List carts")
                .about("The newest carts come first. A customer has only its own."),
        )
        .post(
            "/carts",
            open,
            Operation::new("open_cart", "Open a cart")
                .about("Of each product the cart keeps the price that the answer shows.")
                .example(json!({
                    "customer_id": "0193f7a0-0000-7000-8000-00000000c001",
                    "items": [{ "sku": "mug", "quantity": 2 }],
                }))
                .refuses(StatusCode::FORBIDDEN, "The cart is for another customer.")
                .refuses(conflict, "The products are sold in several currencies.")
                .try_again(StatusCode::UNPROCESSABLE_ENTITY, just_published),
        )
        .get("/carts/{cart_id}", read, {
            Operation::new("read_cart", "Read a cart").refuses(missing, no_cart)
        })
        .put(
            "/carts/{cart_id}/items/{sku}",
            put_item,
            Operation::new("put_item", "Put a product into a cart")
                .about(
                    "The quantity takes the place of the one before. The cart keeps the price that \
                     the answer shows.",
                )
                .example(json!({ "quantity": 2 }))
                .refuses(missing, "There is no such cart or product.")
                .not_yet(just_published)
                .refuses(StatusCode::GONE, "The product is withdrawn.")
                .refuses(conflict, not_open)
                .refuses(conflict, "The cart is full, or has products in another currency."),
        )
        .delete(
            "/carts/{cart_id}/items/{sku}",
            remove_item,
            Operation::new("remove_item", "Take a product out of a cart")
                .about("A product that is not there is no error.")
                .refuses(missing, no_cart)
                .refuses(conflict, not_open),
        )
        .delete(
            "/carts/{cart_id}/items",
            clear,
            Operation::new("clear_cart", "Take everything out of a cart")
                .refuses(missing, no_cart)
                .refuses(conflict, not_open),
        )
        .post(
            "/carts/{cart_id}/checkout",
            check_out,
            Operation::new("check_out", "Check out a cart")
                .about(
                    "The order has the prices of the cart's version that `If-Match` names, or there \
                     is none. A request that is sent again gets the same order, so it may be \
                     repeated when no answer came. The order can be read and watched a moment \
                     later. If it is cancelled for a reason that can be mended, such as a declined \
                     card, the cart is open again, at another version; otherwise it is closed.",
                )
                .example(terms())
                .answers(ok, "The same request has checked out this version before.")
                .refuses(StatusCode::PRECONDITION_FAILED, "The cart has another version.")
                .refuses(
                    conflict,
                    "A price has changed since it was shown, or a product is withdrawn: `lines` \
                     names them, and the cart shows them as they are now.",
                )
                .refuses(missing, no_cart)
                .refuses(conflict, not_open)
                .refuses(conflict, "The cart is empty, or has products in several currencies.")
                .refuses(conflict, "This version was checked out with another card or address.")
                .refuses(conflict, "The cart has more pieces than a customer may have unpaid.")
                .try_again(
                    StatusCode::TOO_MANY_REQUESTS,
                    "The customer's checkouts that are not paid have too many pieces.",
                ),
        )
}

fn terms() -> Value {
    json!({
        "card_token": "card_approved",
        "ship_to": {
            "name": "Pia Kamp",
            "street": "Am Hafen 3",
            "postal_code": "20457",
            "city": "Hamburg",
            "country": "DE",
        },
    })
}
