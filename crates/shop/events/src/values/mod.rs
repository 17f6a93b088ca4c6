//! What events are made of: ids, names, money, addresses and lines.

pub(crate) mod address;
pub(crate) mod code;
pub(crate) mod ids;
pub(crate) mod line;
pub(crate) mod money;
pub(crate) mod sku;
pub(crate) mod slug;
pub(crate) mod text;
