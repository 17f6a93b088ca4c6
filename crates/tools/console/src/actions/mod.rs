//! An operator's actions through the console. Each is done by the functions of `ballet-ops` that the command has, and
//! is written into the trail before it is done.

pub(crate) mod action_context;
pub(crate) mod dead_letters;
pub(crate) mod repair;
pub(crate) mod running_actions;
pub(crate) mod sagas;
pub(crate) mod steps;
