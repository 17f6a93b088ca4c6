//! The rules for whole runs of a saga, which a search of the design checks. And rules that are younger than these.

use super::{Rule, RuleKind, table};

table! {
    OF_RUNS:

    RUN_ENDS B074 System
        "every run of a saga comes to an end"
        "The run hangs, with all that it holds, until its deadline passes, or for ever."
        "Give what it waits for another way: `aborts_on(..)` for a refusal, or a step that goes on without it."
    NOTHING_LEFT B075 System
        "nothing is left of an aborted run"
        "The effect stays in a saga that everybody else takes for undone."
        "Declare the step with `#[compensatable(undo = ..)]`, or let it wait for an event after the decision."
    DECIDED_ONCE B076 System
        "a run is decided once"
        "Some services complete what others undo."
        "Let one step decide, and only the owner publish the abort."
}

table! {
    AFTER_RUNS:

    COPY_WHOLE B077 System
        "the same events feed all copies of an entity"
        "A copy without one of them keeps what that event has changed, until another change or a rebuild."
        "Name the event in `fed_by(..)` of that copy, too."
}
