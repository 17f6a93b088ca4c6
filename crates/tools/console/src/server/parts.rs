//! Parts of a page that are sent when they change.

use std::collections::BTreeMap;

pub(crate) type Parts = BTreeMap<String, String>;
