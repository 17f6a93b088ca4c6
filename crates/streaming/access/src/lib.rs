//! Who sees and changes what in streaming. Devices and sessions belong to an account. Each service judges
//! its own requests, because it has the rows.

#![warn(missing_docs)]

use ballet_openapi::Owners;
use streaming_events::AccountId;

/// The accounts of streaming. Only people and programs behind it have the scope `accounts:all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accounts;

impl Owners for Accounts {
    type Id = AccountId;
    const NAME: &'static str = "account";
    const ALL: &'static str = "accounts:all";
}

/// An account, or somebody behind streaming.
pub type Caller = ballet_openapi::Caller<Accounts>;
