//! Where the audit reads.

use std::fmt;

/// The URLs of the services' databases.
#[derive(Clone, Copy)]
pub struct Databases<'a> {
    /// That of accounts.
    pub accounts: &'a str,
    /// That of analytics.
    pub analytics: &'a str,
    /// That of playback.
    pub playback: &'a str,
    /// That of titles.
    pub titles: &'a str,
}

/// Shows no password.
impl fmt::Debug for Databases<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Databases").finish_non_exhaustive()
    }
}
