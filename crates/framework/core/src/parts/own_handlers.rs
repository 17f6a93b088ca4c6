//! The names of the framework's own handlers, beside a service's steps and projections: in metrics, spans, dead
//! letters and the list of stuck messages.

use crate::parts::part::{Part, SagaPart, StepPart};

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
/// Publishes that a deadline has passed. What fails there is in no queue: the list of what is stuck knows it by this
/// name alone.
pub const DEADLINE: &str = "deadline";

/// Says what the framework's handler of this name does in a service with this part; `None` if there is no such handler.
pub(crate) fn does(name: &str, part: &Part) -> Option<&'static str> {
    let sagas = || part.sagas.iter();
    let steps = || sagas().flat_map(|saga| &saga.steps);
    let (is_there, does) = match name {
        ABORT => {
            let aborts = |saga: &SagaPart| saga.abort.is_some() && saga.owner != part.service;
            let compensates = |step: &StepPart| step.kind.can_be_compensated();
            (sagas().any(aborts) || steps().any(compensates), "compensates an aborted saga")
        }
        ABORT_ON_REFUSAL => {
            (sagas().any(|saga| !saga.aborts_on.is_empty()), "aborts a saga on a refusal")
        }
        ABORT_ON_DEADLINE => {
            (sagas().any(|saga| saga.deadline.is_some()), "aborts a saga after its deadline")
        }
        UNDO => {
            let has_one = steps().any(|step| !step.compensated_by.is_empty());
            (has_one, "compensates a repetition of a step")
        }
        COPY => (!part.copies.is_empty(), "writes a copy"),
        SHARE => {
            let has_readers = part.shares.iter().any(|share| !share.requests.is_empty());
            (has_readers, "notes who asks for what is shared")
        }
        // Tools go by this name, whatever the service declares.
        DEADLINE => (true, "publishes that a deadline has passed"),
        _ => return None,
    };
    is_there.then_some(does)
}
