//! A cart's ETag.

use ballet::openapi::Tagged;

use crate::cart::Cart;

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
