//! The names of the contestants.

use clap::ValueEnum;

/// A way to write the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub enum Contestant {
    /// ballet with ordinary handlers.
    Ballet,
    /// ballet with bulk handlers.
    BalletBulk,
    /// By hand, one transaction per message.
    Twin,
    /// By hand in batches, with one business statement per message.
    Ceiling,
    /// By hand in batches, with business statements in bulk.
    CeilingBulk,
}

impl Contestant {
    /// The name on the command line and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ballet => "ballet",
            Self::BalletBulk => "ballet-bulk",
            Self::Twin => "twin",
            Self::Ceiling => "ceiling",
            Self::CeilingBulk => "ceiling-bulk",
        }
    }
}
