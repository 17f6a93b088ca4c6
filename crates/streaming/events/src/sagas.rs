//! The sagas that the events of streaming form.

use ballet_core::{Never, Saga};

use crate::playback::PlaybackRefused;

/// From the request to the end: a slot of the account's plan, a licence for the title, and hours of watching.
#[derive(Debug)]
pub struct PlaybackSession;

impl Saga for PlaybackSession {
    const NAME: &'static str = "playback_session";
    const OWNER: &'static str = "playback";
    type Abort = PlaybackRefused;
}

/// A title goes: its licences are revoked, and what is watched of it ends.
#[derive(Debug)]
pub struct TitleWithdrawal;

impl Saga for TitleWithdrawal {
    const NAME: &'static str = "title_withdrawal";
    const OWNER: &'static str = "titles";
    type Abort = Never;
}

/// A person goes: each service erases what it holds about the account.
#[derive(Debug)]
pub struct AccountClosure;

impl Saga for AccountClosure {
    const NAME: &'static str = "account_closure";
    const OWNER: &'static str = "accounts";
    type Abort = Never;
}
