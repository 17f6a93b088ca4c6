//! The events of accounts. A person's name and address are in the service's own tables, and in no event.

use ballet_core::{Event, EventType, Key};
use common::values::{Country, Slug};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::keys::{ACCOUNT, CLOSURE, DEVICE, SESSION, TITLE};
use crate::values::ids::{AccountId, ClosureId, DeviceId, SessionId, TitleId};

/// The whole state of an account after one change, without the person's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct AccountOpened(pub Account);

impl Event for AccountOpened {
    const TYPE: EventType = EventType::plain("accounts.account_opened.v1");
    const KEYS: &'static [Key] = &[ACCOUNT.made_here()];
}

/// An account has another plan. Streams beyond it are displaced, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanChanged {
    /// The account.
    #[serde(flatten)]
    pub account: Account,
    /// The sessions that lost their slots.
    pub displaced: Vec<SessionId>,
}

impl Event for PlanChanged {
    const TYPE: EventType = EventType::plain("accounts.plan_changed.v1");
    const KEYS: &'static [Key] = &[ACCOUNT];
}

/// The account is open and has the device. The session has no slot yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl Event for ViewerAdmitted {
    const TYPE: EventType = EventType::in_saga("accounts.viewer_admitted.v1");
    const KEYS: &'static [Key] = &[SESSION, TITLE];
}

/// A session has one of the plan's slots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StreamSlotReserved {
    /// The session.
    pub session_id: SessionId,
    /// The account.
    pub account_id: AccountId,
    /// The session that had the slot before: that of the same device, or the oldest if the plan stops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub displaced: Option<SessionId>,
}

impl Event for StreamSlotReserved {
    const TYPE: EventType = EventType::in_saga("accounts.stream_slot_reserved.v1");
    const KEYS: &'static [Key] = &[SESSION, ACCOUNT];
}

/// A session gets no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SlotDenial {
    /// All slots of the plan are taken, and the plan does not stop the oldest session.
    NoSlot,
    /// The account does not exist, or is closed.
    NoAccount,
    /// The account has no such device.
    UnknownDevice,
}

impl Event for StreamSlotDenied {
    const TYPE: EventType = EventType::in_saga("accounts.stream_slot_denied.v1");
    const KEYS: &'static [Key] = &[SESSION];
}

/// The slot of a session that never started is free again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StreamSlotCancelled {
    /// The session.
    pub session_id: SessionId,
}

impl Event for StreamSlotCancelled {
    const TYPE: EventType = EventType::in_saga("accounts.stream_slot_cancelled.v1");
    const KEYS: &'static [Key] = &[SESSION];
}

/// The slot of a session that ended is free again. This completes the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StreamSlotReleased {
    /// The session.
    pub session_id: SessionId,
}

impl Event for StreamSlotReleased {
    const TYPE: EventType = EventType::in_saga("accounts.stream_slot_released.v1");
    const KEYS: &'static [Key] = &[SESSION];
}

/// An account is closed: every service has to erase its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccountClosed {
    /// The closure.
    pub closure_id: ClosureId,
    /// The account.
    pub account_id: AccountId,
    /// When the account was closed.
    pub closed_at: Timestamp,
}

impl Event for AccountClosed {
    const TYPE: EventType = EventType::in_saga("accounts.account_closed.v1");
    const KEYS: &'static [Key] = &[CLOSURE.made_here(), ACCOUNT];
}

/// Every service has erased its data about the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccountErased {
    /// The closure.
    pub closure_id: ClosureId,
    /// The account.
    pub account_id: AccountId,
}

impl Event for AccountErased {
    const TYPE: EventType = EventType::in_saga("accounts.account_erased.v1");
    const KEYS: &'static [Key] = &[CLOSURE, ACCOUNT];
}

/// A device was removed from its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceRemoved {
    /// The account.
    pub account_id: AccountId,
    /// The device. Its sessions end.
    pub device_id: DeviceId,
}

impl Event for DeviceRemoved {
    const TYPE: EventType = EventType::plain("accounts.device_removed.v1");
    const KEYS: &'static [Key] = &[ACCOUNT, DEVICE];
}
