//! The audit of made-up shops.

mod carts;
mod judge;
mod prices;
mod samples;
