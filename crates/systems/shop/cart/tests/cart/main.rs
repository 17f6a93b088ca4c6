//! The service on real servers, through its HTTP routes and its queue.

mod checkouts;
mod ends;
mod items;
mod races;
mod test_cart;
