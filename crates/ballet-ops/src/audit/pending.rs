//! What a service has not done yet.

use jiff::Timestamp;
use uuid::Uuid;

/// A call to the outside that has no answer yet.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) saga: Uuid,
    pub(crate) step: String,
    pub(crate) key: String,
    pub(crate) undo: bool,
    pub(crate) attempts: i32,
    pub(crate) last_error: Option<String>,
    pub(crate) since: Timestamp,
    /// `None` if it is set aside.
    pub(crate) next_at: Option<Timestamp>,
}

/// An event that is committed and not yet known to be published.
#[derive(Debug, Clone)]
pub(crate) struct Unpublished {
    pub(crate) saga: Option<Uuid>,
    pub(crate) event_type: String,
    pub(crate) since: Timestamp,
}

/// What one service has not done yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pending {
    pub(crate) calls: Vec<Call>,
    /// The oldest ones, if there are very many.
    pub(crate) unpublished: Vec<Unpublished>,
    pub(crate) unpublished_count: i64,
    /// The saga, type and reason of each event that can never be published.
    pub(crate) unpublishable: Vec<(Option<Uuid>, String, String)>,
}
