//! The values in events: ids, names, money, addresses and lines.

pub(crate) mod address;
pub(crate) mod ids;
pub(crate) mod line;
pub(crate) mod price;
pub(crate) mod sku;
