//! The rules.

mod circles;
mod faces;
mod impls;
mod texts;

pub(super) use circles::{files, folders};
pub(super) use faces::faces;
pub(super) use impls::impls;
pub(super) use texts::{docs, headers, paths, sql, tests};
