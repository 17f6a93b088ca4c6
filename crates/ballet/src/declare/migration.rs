//! Migrations of a service's own tables.

/// One migration of a service: the file's name without its ending, and its text.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// `NNNN_what_it_does`; they are applied in the order of the numbers.
    pub name: &'static str,
    /// The SQL.
    pub sql: &'static str,
}
