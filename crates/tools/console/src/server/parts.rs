//! Parts of a page that are sent when they change.

use std::collections::BTreeMap;

/// By the ids of their elements.
pub(crate) type Parts = BTreeMap<String, String>;
