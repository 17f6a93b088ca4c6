//! Access: passwords, sessions, roles.

pub(crate) mod password;
pub(crate) mod role;
pub(crate) mod token;
pub(crate) mod trusted_header;
