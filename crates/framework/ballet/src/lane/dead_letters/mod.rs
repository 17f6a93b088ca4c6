//! Messages that go on as copies: dead letters and delayed retries.

pub(crate) mod copies;
pub(crate) mod dead_letter;
