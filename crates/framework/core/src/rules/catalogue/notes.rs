//! Notes: what is often a flaw, and depends on code that no contract shows. And rules that are younger than these.

use super::{Rule, RuleKind, table};

table! {
    NOTES:

    DEADLINE_BUDGET B066 Note
        "a deadline leaves time for a retry of each step before it, and for the retries that a step declares"
        "A short outage, in which each step before the decision fails once, aborts the saga, or one that a step was to outlast."
        "Choose a longer deadline, or fewer retries."
    NO_DEADLINE B067 Note
        "a saga that can be aborted has a deadline"
        "A run in which an event is lost, or a person never answers, stays open and keeps what it has reserved."
        "Add `deadline(..)` to `#[owns(..)]`."
    FIELD_KNOWN B069 Note
        "a field that is read is one that its event carries"
        "An optional field that no publisher writes is always missing: it was renamed, or misspelt."
        "Correct the field's name in the reader, or remove it."
    MONEY B070 Note
        "money is no floating-point number"
        "Sums of `f64` lose cents: 0.1 + 0.2 is not 0.3."
        "Carry whole minor units, such as cents in an `i64`, beside the currency."
    EXCEPTION_USED B071 Note
        "an exception excepts something"
        "An exception that is no longer needed hides the next problem of its kind."
        "Remove it."
    PACK_TAKEN B072 System
        "who consumes an event that is packed takes packs"
        "A consumer that does not takes each pack for one message that it cannot read."
        "Let the consumer take packs and say `takes_packs` in its contract, or remove `packs` from the event."
    PACK_OWNER B073 Service
        "an event is packed by the service that it is named after"
        "Nobody else publishes it in packs, whatever a contract says."
        "Remove `packs` from the event in this contract, and write it in that service's `#[event(..)]`."
}
