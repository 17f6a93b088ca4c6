//! An operator's actions. Each uses the command's functions in `ballet-ops`, and is in the trail before it is done.

pub(crate) mod action_context;
pub(crate) mod dead_letters;
pub(crate) mod running_actions;
pub(crate) mod sagas;
pub(crate) mod steps;
