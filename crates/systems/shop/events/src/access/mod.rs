//! Decides who may see and change a customer's carts and orders. Each service judges its own requests, because it
//! has the rows.

pub mod unpaid;

use ballet::openapi::Owners;

use crate::values::ids::CustomerId;

/// The customers of the shop. Only people and programs behind the shop have the scope `orders:all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Customers;

impl Owners for Customers {
    type Id = CustomerId;
    const NAME: &'static str = "customer";
    const ALL: &'static str = "orders:all";
}

/// A customer, or somebody behind the shop.
pub type Caller = ballet::openapi::Caller<Customers>;
