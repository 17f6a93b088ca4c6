//! What a service has not done yet.

use ballet_store::calls::open::OpenCall;
use ballet_store::outbox::left_behind::Unpublished;
use uuid::Uuid;

/// What one service has not done yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pending {
    pub(crate) calls: Vec<OpenCall>,
    /// The oldest ones, if there are very many.
    pub(crate) unpublished: Vec<Unpublished>,
    pub(crate) unpublished_count: i64,
    /// The saga, type and reason of each event that can never be published.
    pub(crate) unpublishable: Vec<(Option<Uuid>, String, String)>,
}
