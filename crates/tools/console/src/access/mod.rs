//! Access: passwords, sessions, roles, and limits on attempts at a password.

pub(crate) mod attempts;
pub(crate) mod known_browser;
pub(crate) mod password;
pub(crate) mod role;
pub(crate) mod token;
pub(crate) mod trusted_header;
