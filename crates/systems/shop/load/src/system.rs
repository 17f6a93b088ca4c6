//! The shop as the subject of trials.

use std::sync::{Arc, LazyLock};

use ballet_trials::Subject;

use crate::trial::ShopTrial;

/// The services of the shop.
pub(crate) static SERVICES: LazyLock<Vec<&'static str>> = LazyLock::new(|| subject().services());

/// Returns the shop as the subject of trials.
#[must_use]
pub fn subject() -> Arc<Subject> {
    Subject::new(ShopTrial::default())
}
