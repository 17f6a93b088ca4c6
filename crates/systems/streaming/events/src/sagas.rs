//! The sagas of streaming.

use ballet_core::{Never, Saga};

use crate::playback::PlaybackRefused;

/// A session from the request to the end: a slot of the account's plan, a licence for the title, and hours of watching.
#[derive(Debug)]
pub struct PlaybackSession;

impl Saga for PlaybackSession {
    const NAME: &'static str = "playback_session";
    const OWNER: &'static str = "playback";
    type Abort = PlaybackRefused;
}

/// The withdrawal of a title: its licences are revoked, and its sessions end.
#[derive(Debug)]
pub struct TitleWithdrawal;

impl Saga for TitleWithdrawal {
    const NAME: &'static str = "title_withdrawal";
    const OWNER: &'static str = "titles";
    type Abort = Never;
}

/// The closure of an account: each service erases its data about the account.
#[derive(Debug)]
pub struct AccountClosure;

impl Saga for AccountClosure {
    const NAME: &'static str = "account_closure";
    const OWNER: &'static str = "accounts";
    type Abort = Never;
}
