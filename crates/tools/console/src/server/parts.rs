//! The parts of a page that are sent when they change.

use std::collections::BTreeMap;

/// The parts of the page, by the ids of their elements.
pub(crate) type Parts = BTreeMap<String, String>;
