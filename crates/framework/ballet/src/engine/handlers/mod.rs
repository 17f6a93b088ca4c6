//! How handlers are run: within a time limit, and so that a panic fails only its own message.

pub(crate) mod guard;
pub(crate) mod handler_limit;
pub(crate) mod last_work;
pub(crate) mod wrong_statements;
