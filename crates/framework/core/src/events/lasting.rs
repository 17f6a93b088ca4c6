//! Names that are read at run time and live as long as the process, like those in code.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// Returns the name for the rest of the process. Each different name is stored once, which bounds
/// the memory.
pub(crate) fn lasting(name: &str) -> &'static str {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name) {
        return known;
    }
    let name: &'static str = Box::leak(name.into());
    names.insert(name);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_stored_once() {
        let (one, other) = (lasting("orders"), lasting(&String::from("orders")));
        assert_eq!(one, "orders");
        assert!(std::ptr::eq(one, other));
    }
}
