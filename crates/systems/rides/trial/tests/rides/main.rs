//! Rides end to end, on real servers.

mod bank;
mod commutes;
mod erasure;
mod offers;
mod paths;
mod payments;
mod places;
mod states;
mod tariffs;
mod town;
mod trust;
