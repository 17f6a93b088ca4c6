//! The events of analytics.

use ballet_core::{Event, EventType, Key};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::keys::{ACCOUNT, CLOSURE};
use crate::values::ids::{AccountId, ClosureId};

/// Analytics has no data about this account any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ViewerErased {
    /// The closure.
    pub closure_id: ClosureId,
    /// The account.
    pub account_id: AccountId,
}

impl Event for ViewerErased {
    const TYPE: EventType = EventType::in_saga("analytics.viewer_erased.v1");
    const KEYS: &'static [Key] = &[CLOSURE, ACCOUNT];
}
