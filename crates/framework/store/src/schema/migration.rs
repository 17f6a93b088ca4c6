//! Migrations of a service's own tables.

/// One migration of a service: its file name without the extension, and its SQL.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// `NNNN_what_it_does`. Migrations are applied in the order of their numbers.
    pub name: &'static str,
    /// The SQL, run as one transaction unless its first line is `-- no-transaction`. If it waits for a
    /// lock for longer than a second, it is rolled back and run again; `set local lock_timeout` gives it
    /// more time.
    pub sql: &'static str,
}
