//! The path of a request: checks, sign-in, limits, and then a route or a page.

pub(crate) mod answer_body;
pub(crate) mod check;
pub(crate) mod cors;
pub(crate) mod exchange;
pub(crate) mod forward;
pub(crate) mod in_force;
pub(crate) mod page;
pub(crate) mod serve;
pub(crate) mod table;
