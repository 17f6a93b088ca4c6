//! The refusals of cart, each with a sentence for the client.

use axum::http::StatusCode;
use ballet::http::{Place, Problem};
use shop_events::access::Caller;
use shop_events::{CartId, MAX_LINES, OrderId, Sku};

use crate::cart::{Cart, CartStatus, ChangedLine};

/// Returns the cart if the caller may see it.
pub(crate) fn own(cart: Option<Cart>, cart_id: CartId, caller: &Caller) -> Result<Cart, Problem> {
    cart.filter(|cart| caller.is_allowed(cart.customer_id))
        .ok_or_else(|| Problem::not_found(format!("there is no cart {cart_id}")))
}

pub(crate) fn not_open(cart: &Cart) -> Problem {
    let Cart { cart_id, status, .. } = cart;
    let order = cart.order_id.map_or_else(String::new, |order_id| format!(" {order_id}"));
    Problem::conflict(match status {
        CartStatus::Closed => {
            format!("cart {cart_id} was bought as order{order}: open another one")
        }
        CartStatus::Open | CartStatus::CheckedOut => format!(
            "cart {cart_id} is checked out as order{order}: it can be changed again if that is \
             cancelled"
        ),
    })
}

pub(crate) fn no_product(sku: &Sku) -> Problem {
    Problem::not_yet(no_product_words(sku))
}

pub(crate) fn no_product_at(sku: &Sku, place: Place) -> Problem {
    Problem::unprocessable(no_product_words(sku)).at(place).try_again()
}

fn no_product_words(sku: &Sku) -> String {
    format!("there is no product {sku}; one that was just published is known in a moment")
}

pub(crate) fn withdrawn(sku: &Sku) -> Problem {
    Problem::new(StatusCode::GONE, withdrawn_words(sku))
}

pub(crate) fn withdrawn_at(sku: &Sku, place: Place) -> Problem {
    Problem::unprocessable(withdrawn_words(sku)).at(place)
}

fn withdrawn_words(sku: &Sku) -> String {
    format!("product {sku} is withdrawn and can no longer be bought")
}

pub(crate) fn full(cart_id: CartId) -> Problem {
    Problem::conflict(format!("cart {cart_id} has {MAX_LINES} products: take one out first"))
}

pub(crate) fn changed(cart: &Cart) -> Problem {
    let Cart { cart_id, version, .. } = cart;
    let detail = format!("cart {cart_id} is at version {version} now: read it again");
    Problem::new(StatusCode::PRECONDITION_FAILED, detail).at(Place::header("If-Match"))
}

pub(crate) fn other_terms(order_id: OrderId) -> Problem {
    Problem::conflict(format!(
        "this version of the cart is checked out as order {order_id}, with another card or address"
    ))
}

pub(crate) fn price_unknown(sku: &Sku) -> Problem {
    let detail = format!("the price of {sku} is not known at the moment: try again");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
}

pub(crate) fn not_as_shown(lines: &[ChangedLine]) -> Problem {
    let words = lines.iter().map(|ChangedLine { sku, old_price, new_price }| match new_price {
        Some(new) if new == old_price => {
            format!("{sku} is for sale again at {} {}", new.amount_minor, new.currency)
        }
        Some(new) => format!(
            "{sku} costs {} {} instead of {} {}",
            new.amount_minor, new.currency, old_price.amount_minor, old_price.currency
        ),
        None => format!("{sku} is withdrawn"),
    });
    let words = words.collect::<Vec<_>>().join(", ");
    let detail = format!(
        "the cart is not as it was shown: {words} (in minor units); check out again to accept the \
         prices, and take out what is withdrawn"
    );
    Problem::conflict(detail).with("lines", serde_json::to_value(lines).unwrap_or_default())
}
