//! The names of the contestants.

use clap::ValueEnum;

/// A way to write the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub enum Contestant {
    /// ballet with ordinary handlers.
    Ballet,
    /// The same, with events in packs.
    BalletPacks,
    /// ballet with bulk handlers.
    BalletBulk,
    /// The same, with events in packs.
    BalletBulkPacks,
    /// By hand, one transaction per message.
    Twin,
    /// By hand in batches, with one business statement per message.
    Ceiling,
    /// The same, with events in packs.
    CeilingPacks,
    /// By hand in batches, with business statements in bulk.
    CeilingBulk,
    /// The same, with events in packs.
    CeilingBulkPacks,
}

/// How a contestant does the business, and how its events leave.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Whether one statement does the business of a batch.
    pub bulk: bool,
    /// Whether the events of a batch leave in packs.
    pub packs: bool,
}

impl Contestant {
    /// The name on the command line and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ballet => "ballet",
            Self::BalletPacks => "ballet-packs",
            Self::BalletBulk => "ballet-bulk",
            Self::BalletBulkPacks => "ballet-bulk-packs",
            Self::Twin => "twin",
            Self::Ceiling => "ceiling",
            Self::CeilingPacks => "ceiling-packs",
            Self::CeilingBulk => "ceiling-bulk",
            Self::CeilingBulkPacks => "ceiling-bulk-packs",
        }
    }

    /// Its form.
    #[must_use]
    pub const fn form(self) -> Form {
        let bulk = matches!(
            self,
            Self::BalletBulk | Self::BalletBulkPacks | Self::CeilingBulk | Self::CeilingBulkPacks
        );
        let packs = matches!(
            self,
            Self::BalletPacks | Self::BalletBulkPacks | Self::CeilingPacks | Self::CeilingBulkPacks
        );
        Form { bulk, packs }
    }
}
