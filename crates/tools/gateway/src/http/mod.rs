//! HTTP for the gateway: problems, paths, headers, bodies, traces. Knows no routes.

pub(crate) mod body;
pub(crate) mod bounded_body;
pub(crate) mod headers;
pub(crate) mod ids;
pub(crate) mod path;
pub(crate) mod problem;
pub(crate) mod trace;
pub(crate) mod wall_clock;
