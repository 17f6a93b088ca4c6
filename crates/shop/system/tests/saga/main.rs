//! Whole orders on a real broker and real databases, through the doors that customers use.

mod carts;
mod checkouts;
mod deadlines;
mod doors;
mod gateway;
#[path = "../../../partner.rs"]
#[expect(dead_code, reason = "this provider behaves well")]
mod partner;
mod paths;
mod refusals;
mod replicas;
mod rights;
mod routes;
mod shop;
mod stuck;
mod through_gateway;
mod tracing;
mod watching;
mod webhooks;
