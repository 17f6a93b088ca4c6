pub(crate) mod product;
pub(crate) mod search;
mod words;
