//! The service on a real broker and a real database, through its HTTP routes and its queue.

mod checkouts;
mod ends;
mod items;
mod races;
mod test_cart;
