//! The rules for sagas: the owner, the path, what is undone, versions.

use super::{Rule, RuleKind, table};

table! {
    OF_SAGAS:

    PART_ONCE B036 Service
        "a service declares its part in a saga once"
        "An abort would undo the steps of each declaration apart, and not the latest first."
        "Put all steps of the saga into one declaration."
    OWNER_ALONE B037 Service
        "only its owner begins, decides and aborts a saga"
        "Two services that decide would end one saga in two ways."
        "Move `#[starts]`, `#[decides]`, `aborts_on` and `deadline` to the service that `#[saga]` names as owner."
    OWNER_DECLARES B038 Service
        "an owner declares its saga as its own"
        "An owner's queue gets no abort event: its own steps would never be undone."
        "Add a method with `#[owns(SAGA)]`."
    ONE_DEADLINE B039 Service
        "a saga has one deadline"
        "The second would replace the first."
        "Keep one `deadline(..)` in `#[owns(..)]`."
    ABORT_DECLARED B040 Service
        "what is aborted has an abort"
        "Without an abort event the other services never hear that they have to undo their part."
        "Add `abort = EVENT` to the `#[saga(..)]`."
    ABORT_DECISION B041 Service
        "an abort is another event than the decision"
        "The event that records success would undo the saga everywhere."
        "Give the abort an event of its own."
    ABORT_OUTCOME B042 Service
        "an abort is no outcome of a step"
        "The event would abort the saga for all others, and not in the owner's ledger."
        "Give the step an event of its own, and abort with `aborts_on(..)` or `Unit::abort`."
    ABORT_DEADLINE B043 Service
        "a deadline passes with another event than the abort"
        "The others would undo their part before the owner has looked whether the saga is decided."
        "Give the deadline an event of its own."
    OWNER_LEDGER B044 Service
        "an owner begins, decides and aborts its saga in its ledger"
        "An event that is only published changes the saga for all others, and not for its owner."
        "Take the event out of `publishes(..)`; return it from the step, or call `Unit::originate` or `Unit::abort`."
    DEADLINE_DECISION B045 Service
        "a deadline has a decision that ends it"
        "Without one every run is aborted at its deadline."
        "Declare the step that records success with `#[decides]`."
    DEADLINE_LENGTH B046 Service
        "a deadline ends before its saga is forgotten"
        "A saga that is forgotten can be neither ended nor undone."
        "Choose a shorter deadline."
    ONE_PIVOT B047 Service
        "a saga has at most one pivot"
        "A saga turns once: behind the first pivot nothing may refuse."
        "Declare all but the last with `#[compensatable]`."
    ONE_ORIGIN B048 Service
        "one step begins a saga on an event"
        "The second beginning of the same saga is a dead letter."
        "Remove one of the steps, or give each its own versions with `since` and `until`."
    CIRCLE B049 Service
        "no step waits for itself"
        "Steps that wait for one another never run."
        "Let one of them wait for an event that comes earlier."
    STEP_VERSION B050 Service
        "a step is of some version of its saga"
        "A step of no version never runs."
        "Count from 1, and let `since` not be after `until`."
    VERSION_BEGINS B051 Service
        "each version of a saga has a beginning"
        "Steps of a version that nothing begins never run."
        "Declare what begins the version with `since`."
    SAGA_AGREEMENT B052 System
        "a saga has one owner and one abort for all services"
        "Who waits for another abort event never undoes its part."
        "Write the same `#[saga(.., owner, abort)]` in all services."
    SAGA_OWNER B053 System
        "a saga has an owner"
        "Nobody would decide the saga or abort it."
        "Add a method with `#[owns(SAGA)]` to the service that the `#[saga]` names as its owner."
    SAGA_ENDS B054 System
        "a saga comes to an end"
        "A run without a decision and a deadline stays open for ever."
        "Add a step with `#[decides]`, and `deadline(..)` to `#[owns(..)]`."
    REFUSAL_MAPPED B055 System
        "every refusal has somebody who acts on it"
        "A refusal that nobody maps to an abort leaves the saga open, with all its steps done."
        "Add the event to `aborts_on(..)` of the owner's `#[owns(..)]`."
    PIVOT_RECORDED B056 System
        "the owner records the pivot's outcome"
        "Without the record an abort may still come after the pivot."
        "Add a step with `#[decides]` on the pivot's event to the owner."
    DECIDED_FIRST B057 System
        "what cannot be undone waits for the decision"
        "Until the owner has recorded the decision the saga may be aborted, and the step would stay done."
        "Declare the step with `#[compensatable(undo = ..)]`, or let it wait for an event after the decision."
    REFUSAL_PIVOT B058 System
        "nothing refusable beside or after the pivot"
        "A refusal that comes after the pivot has to undo what can no longer be undone."
        "Let the pivot wait for the step, or let the step return `Does<EVENT>`, which cannot refuse."
    REFUSAL_DECISION B060 System
        "nothing refusable beside or after the decision"
        "After the decision nothing is aborted: the refusal would be dropped, and the work would be missing."
        "Let the decision wait for the step, or let the step return `Does<EVENT>`, which cannot refuse."
    JOIN_COMPLETE B061 System
        "a join can be complete"
        "A join of events that exclude each other waits for ever."
        "Declare a step for each of the events."
    CONFLICT B063 System
        "no step goes on with what aborts its saga"
        "Two services answer one event, one with an abort and one with more work: which comes first is chance."
        "Let one of them answer: take the event out of `aborts_on(..)`, or use `#[projects]` in the other service."
    VERSION_TRIGGER B064 System
        "no event of one version triggers a step of another"
        "Messages carry no version, so the step would run in sagas that do not know it."
        "Let another event, such as the next major version, trigger the new step."
}
