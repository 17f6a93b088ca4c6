//! Who may see what: passwords, sessions, and how often a password may be tried.

pub(crate) mod attempts;
pub(crate) mod form_token;
pub(crate) mod password;
pub(crate) mod role;
pub(crate) mod token;
pub(crate) mod trusted;
