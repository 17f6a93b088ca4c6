pub(crate) mod gateway;
pub(crate) mod raw;
pub(crate) mod service;
pub(crate) mod tokens;
