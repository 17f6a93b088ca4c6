//! The owners of streaming's data, and the callers that act for them. Devices and sessions belong to an account. Each
//! service authorises its own requests, because it has the rows.

use ballet::openapi::Owners;

use crate::values::ids::AccountId;

/// Accounts as owners of data. Only the operators of streaming and their programs have the scope `accounts:all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accounts;

impl Owners for Accounts {
    type Id = AccountId;
    const NAME: &'static str = "account";
    const ALL: &'static str = "accounts:all";
}

/// A caller that is an account or an operator of streaming.
pub type Caller = ballet::openapi::Caller<Accounts>;
