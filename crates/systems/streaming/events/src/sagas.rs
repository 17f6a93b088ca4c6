//! The sagas of streaming.

use ballet_core::saga;

use crate::playback::PlaybackRefused;

/// A session from the request to the end: a slot of the account's plan, a licence for the title, and hours of watching.
#[saga("playback_session", owner = "playback", abort = PlaybackRefused)]
pub struct PlaybackSession;

/// The withdrawal of a title: its licences are revoked, and its sessions end.
#[saga("title_withdrawal", owner = "titles")]
pub struct TitleWithdrawal;

/// The closure of an account: each service erases its data about the account.
#[saga("account_closure", owner = "accounts")]
pub struct AccountClosure;
