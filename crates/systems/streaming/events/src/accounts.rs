//! The events of accounts. A person's name and address are in the service's own tables, and in no event.

use ballet_core::{event, value};
use common::values::{Country, Slug};
use jiff::Timestamp;

use crate::values::ids::{AccountId, ClosureId, DeviceId, SessionId, TitleId};

/// The whole state of an account after one change, without the person's data.
#[value]
pub struct Account {
    /// The account.
    pub account_id: AccountId,
    /// 1 when the account is opened, and 1 more with each change of it.
    pub version: i64,
    /// The plan.
    pub plan: Slug,
    /// The number of streams at once.
    pub streams: u16,
    /// The region whose titles the account may watch.
    pub region: Country,
    /// When the account was opened.
    pub opened_at: Timestamp,
    /// When the account was changed last.
    pub changed_at: Timestamp,
}

/// Somebody signed up.
#[event("accounts.account_opened.v1", keys(account = "account_id".made_here()))]
#[serde(transparent)]
pub struct AccountOpened(pub Account);

/// An account has another plan. Streams beyond it are displaced, the oldest first.
#[event("accounts.plan_changed.v1", keys(account = "account_id"))]
pub struct PlanChanged {
    /// The account.
    #[serde(flatten)]
    pub account: Account,
    /// The sessions that lost their slots.
    pub displaced: Vec<SessionId>,
}

/// The account is open and has the device. The session has no slot yet.
#[event(
    "accounts.viewer_admitted.v1",
    in_saga, packs,
    keys(session = session_id, title = title_id)
)]
pub struct ViewerAdmitted {
    /// The session.
    pub session_id: SessionId,
    /// The title of the session.
    pub title_id: TitleId,
    /// The account's region.
    pub region: Country,
    /// The age up to which the plan shows titles.
    pub max_age: u8,
}

/// A session has one of the plan's slots.
#[event(
    "accounts.stream_slot_reserved.v1",
    in_saga, packs,
    keys(session = session_id, account = account_id)
)]
pub struct StreamSlotReserved {
    /// The session.
    pub session_id: SessionId,
    /// The account.
    pub account_id: AccountId,
    /// The session that had the slot before: that of the same device, or the oldest if the plan stops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub displaced: Option<SessionId>,
}

/// A session gets no slot.
#[event("accounts.stream_slot_denied.v1", in_saga, packs, keys(session = session_id))]
#[derive(Copy)]
pub struct StreamSlotDenied {
    /// The session.
    pub session_id: SessionId,
    /// The reason.
    pub reason: SlotDenial,
    /// The number of streams that the plan has at once. Missing if there is no such account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<u16>,
}

/// Why a session gets no slot.
#[value]
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum SlotDenial {
    /// All slots of the plan are taken, and the plan does not stop the oldest session.
    NoSlot,
    /// The account does not exist, or is closed.
    NoAccount,
    /// The account has no such device.
    UnknownDevice,
}

/// The slot of a session that never started is free again.
#[event("accounts.stream_slot_cancelled.v1", in_saga, packs, keys(session = session_id))]
pub struct StreamSlotCancelled {
    /// The session.
    pub session_id: SessionId,
}

/// The slot of a session that ended is free again. This completes the session.
#[event("accounts.stream_slot_released.v1", in_saga, packs, keys(session = session_id))]
pub struct StreamSlotReleased {
    /// The session.
    pub session_id: SessionId,
}

/// An account is closed: every service has to erase its data.
#[event(
    "accounts.account_closed.v1",
    in_saga, packs,
    keys(closure = closure_id.made_here(), account = account_id)
)]
pub struct AccountClosed {
    /// The closure.
    pub closure_id: ClosureId,
    /// The account.
    pub account_id: AccountId,
    /// When the account was closed.
    pub closed_at: Timestamp,
}

/// Every service has erased its data about the account.
#[event(
    "accounts.account_erased.v1",
    in_saga, packs,
    keys(closure = closure_id, account = account_id)
)]
pub struct AccountErased {
    /// The closure.
    pub closure_id: ClosureId,
    /// The account.
    pub account_id: AccountId,
}

/// A device was removed from its account.
#[event("accounts.device_removed.v1", keys(account = account_id, device = device_id))]
pub struct DeviceRemoved {
    /// The account.
    pub account_id: AccountId,
    /// The device. Its sessions end.
    pub device_id: DeviceId,
}
