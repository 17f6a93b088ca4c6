//! The pages, which use neither network nor disk. Their macro escapes all text.

pub(crate) mod actions;
pub(crate) mod body;
pub(crate) mod coverage;
pub(crate) mod dead_actions;
pub(crate) mod dead_letters;
pub(crate) mod events;
pub(crate) mod forms;
pub(crate) mod layout;
pub(crate) mod letter;
pub(crate) mod letter_selection;
pub(crate) mod login;
pub(crate) mod now;
pub(crate) mod remedy;
pub(crate) mod saga;
pub(crate) mod saga_actions;
pub(crate) mod sagas;
pub(crate) mod services;
pub(crate) mod standing;
pub(crate) mod step_form;
pub(crate) mod tail;
pub(crate) mod timeline;
pub(crate) mod violations;
pub(crate) mod words;
