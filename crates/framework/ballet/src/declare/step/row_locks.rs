//! Names of the rows that a step will touch, which are locked while it runs.
//!
//! A batch runs many handlers in one transaction, and each handler locks the rows it changes. Two
//! batches could lock the same rows in different orders. When steps name their rows, the batch
//! takes a lock for each name before any handler runs: all with one statement, always in the same
//! order. The locks are advisory, see `docs/decisions/0006-rows-are-locked-by-name.md`.

use uuid::Uuid;

/// Names of rows. A name is a table and a key. The service chooses both, but all steps that touch a
/// row must give it the same name.
///
/// ```
/// let rows = ballet::Rows::of("stock", ["mug", "spoon"]).and("shelf", ["7"]);
/// # assert!(!rows.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows(Vec<i64>);

/// UUIDv5 turns names into lock keys that are the same in every process and version.
const NAMESPACE: Uuid = Uuid::from_u128(0x6261_6c6c_6574_5000_8000_0000_726f_7773);

impl Rows {
    /// Returns an empty set of rows.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Names rows of a table.
    #[must_use]
    pub fn of<K: AsRef<str>>(table: &str, keys: impl IntoIterator<Item = K>) -> Self {
        Self::none().and(table, keys)
    }

    /// Adds rows of another table.
    #[must_use]
    pub fn and<K: AsRef<str>>(mut self, table: &str, keys: impl IntoIterator<Item = K>) -> Self {
        self.0.extend(keys.into_iter().map(|key| lock_key(table, key.as_ref())));
        self
    }

    /// Returns true if there are no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(crate) fn into_lock_keys(self) -> Vec<i64> {
        self.0
    }
}

#[expect(clippy::cast_possible_truncation, reason = "only the lower half is needed")]
fn lock_key(table: &str, key: &str) -> i64 {
    let name = [table, key].join("\0");
    Uuid::new_v5(&NAMESPACE, name.as_bytes()).as_u128() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_row_wherever_it_is_given() {
        assert_eq!(Rows::of("stock", ["mug"]), Rows::of("stock", [String::from("mug")]));
        assert_ne!(Rows::of("stock", ["mug"]), Rows::of("stock", ["mugs"]));
        assert_ne!(Rows::of("stock", ["s1"]), Rows::of("stocks", ["1"]));
        // Other versions of the service must find the same key, so it is pinned.
        assert_eq!(lock_key("stock", "mug"), -8_661_573_601_897_938_633);
    }
}
