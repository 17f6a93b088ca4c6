//! The names of the shop's services.

use std::sync::LazyLock;

/// The services of the shop.
pub(crate) static SERVICES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| shop::system().parts.iter().map(|part| part.service).collect());
