//! Whole orders on real servers, through the APIs that customers use.

mod by_hand;
mod carts;
mod checkouts;
mod commutes;
mod customers;
mod frozen;
mod keys;
mod outside;
mod paths;
mod prices;
mod rights;
mod shop;
mod signed;
mod sound;
mod states;
mod unpaid;
mod watching;
