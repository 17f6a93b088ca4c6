//! Text as Postgres can store it.

/// The text with blanks for its zero characters, which Postgres refuses.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', " ")
}
