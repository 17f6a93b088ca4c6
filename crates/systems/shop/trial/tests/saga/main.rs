//! Whole orders on a real broker and real databases, through the APIs that customers use.

mod away;
mod by_hand;
mod carts;
mod checkouts;
mod copied_prices;
mod customers;
mod deadlines;
mod doors;
mod gateway;
mod keys;
mod paths;
mod prices;
mod refusals;
mod replicas;
mod rights;
mod routes;
mod shop;
mod signed;
mod sound;
mod states;
mod stuck;
mod through_gateway;
mod tracing;
mod unpaid;
mod watching;
mod webhooks;
