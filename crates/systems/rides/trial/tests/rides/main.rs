//! Rides end to end: all services in one process, on a broker and databases.

mod bank;
mod copies;
mod erasure;
mod offers;
mod paths;
mod payments;
mod places;
mod states;
mod tariffs;
mod town;
mod trust;
mod watching;
