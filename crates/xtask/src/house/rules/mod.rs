//! The rules, one in each file.

mod circles;
mod faces;
mod files;
mod folders;
mod headers;
mod impls;
mod paths;
mod sql;
mod tests;
mod words;

pub(super) use faces::faces;
pub(super) use files::files;
pub(super) use folders::folders;
pub(super) use headers::headers;
pub(super) use impls::impls;
pub(super) use paths::paths;
pub(super) use sql::sql;
pub(super) use tests::tests;
