//! Notes: what is often a flaw, and depends on code that no contract shows.

use super::{Rule, RuleKind, table};

table! {
    NOTES:

    DEADLINE_BUDGET B066 Note
        "a deadline leaves time for a retry of each step before it"
        "A short outage, in which each step before the decision fails once, aborts the saga."
        "Choose a longer deadline."
    NO_DEADLINE B067 Note
        "a saga that can be aborted has a deadline"
        "A run in which an event is lost, or a person never answers, stays open and keeps what it has reserved."
        "Add `deadline(..)` to `#[owns(..)]`."
    UNDO_ORDER B068 Note
        "no compensation needs what another service's compensation removes"
        "Services undo their parts at the same time: what the other step has made may be gone from a copy or outside."
        "Let the compensation work without it, or keep what it needs in its own event or rows."
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
}
