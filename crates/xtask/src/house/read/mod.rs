//! Reads the source of one target into a [`Tree`](crate::house::tree::Tree).

mod body;
mod cfg;
mod declare;
mod target;
mod tokens;

pub(super) use target::{Sources, join, read};
