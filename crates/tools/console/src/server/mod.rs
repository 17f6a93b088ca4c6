//! HTTP: access, routes, and the headers of answers.

mod acts;
mod assets;
mod dead_letter_acts;
pub(crate) mod dead_letters;
mod gate;
pub(crate) mod live;
mod metrics;
mod pages;
pub(crate) mod routes;
mod saga_acts;
mod session;
pub(crate) mod site;
mod step_acts;
mod system;
mod tail;
pub(crate) mod timed_value;
mod visit;
