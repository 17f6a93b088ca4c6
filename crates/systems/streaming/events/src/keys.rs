//! The business keys of streaming: the ids that people ask for, each with the event field that has it.

use ballet_core::Key;

pub(crate) const ACCOUNT: Key = Key::of("account", "account_id");
pub(crate) const CLOSURE: Key = Key::of("closure", "closure_id");
pub(crate) const DEVICE: Key = Key::of("device", "device_id");
pub(crate) const SESSION: Key = Key::of("session", "session_id");
pub(crate) const TITLE: Key = Key::of("title", "title_id");
pub(crate) const WITHDRAWAL: Key = Key::of("withdrawal", "withdrawal_id");
