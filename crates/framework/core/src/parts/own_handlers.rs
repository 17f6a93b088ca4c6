//! The names of the framework's own handlers, beside a service's steps and projections: in metrics, spans, dead
//! letters and the list of stuck messages.

/// Compensates the service's part in an aborted saga.
pub const ABORT: &str = "abort";
/// Aborts, in the owner, on a refusal.
pub const ABORT_ON_REFUSAL: &str = "abort_on_refusal";
/// Aborts, in the owner, when the deadline has passed.
pub const ABORT_ON_DEADLINE: &str = "abort_on_deadline";
/// Compensates one repetition of a step.
pub const UNDO: &str = "undo";
/// Writes entities to a copy.
pub const COPY: &str = "copy";
/// Notes that a reader asks for a shared entity.
pub const SHARE: &str = "share";
/// Publishes that a deadline has passed. What fails there is in no queue, and the list of what is
/// stuck knows it by this name alone.
pub const DEADLINE: &str = "deadline";
