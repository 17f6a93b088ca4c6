//! The customers: cases, operations and requests, and the expected ends of their sagas.

pub(crate) mod begun_saga;
pub(crate) mod case;
pub(crate) mod customer_sagas;
pub(crate) mod http;
pub(crate) mod operation;
