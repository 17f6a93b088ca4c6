//! The fault points, and the kind of thing that each works on.

/// The kind of thing that a point works on. A test derives its targets from this and from the service's declarations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointSubject {
    /// An incoming event, by its type.
    Delivery,
    /// A row that a transaction adds to the ledger, `<entry>:<step>`. A transaction that adds none
    /// is named by the type of an event that it emits.
    Row,
    /// An external call, `<step>` or `undo:<step>`.
    Call,
    /// An outgoing event, by its type.
    Event,
    /// A copy of a message, by its target exchange.
    Copy,
    /// The framework's own tables, by the operation on them.
    Tables,
    /// A dead letter that a tool removes, by the service it belongs to. Services never reach these
    /// points.
    Letter,
}

macro_rules! points {
    ($($(#[doc = $doc:literal])+ $point:ident = $name:literal about $($about:ident)|+,)+) => {
        /// A place in the code where a process may die.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FaultPoint {
            $($(#[doc = $doc])+ $point,)+
        }

        impl FaultPoint {
            /// All points.
            pub const ALL: &[Self] = &[$(Self::$point),+];

            /// Returns the name of the point.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)+
                }
            }

            /// Returns the kinds of thing the point works on.
            #[must_use]
            pub const fn about(self) -> &'static [PointSubject] {
                match self {
                    $(Self::$point => &[$(PointSubject::$about),+],)+
                }
            }
        }
    };
}

points! {
    /// The transaction of a batch is open and empty.
    AfterBegin = "after_begin" about Delivery | Call,
    /// The handlers have run; only their rows are written.
    AfterHandler = "after_handler" about Row,
    /// Everything is written, but not committed.
    BeforeCommit = "before_commit" about Row,
    /// The transaction is committed, and the rest of the process does not know yet.
    AfterCommit = "after_commit" about Row,
    /// A call is about to be made.
    BeforeCall = "before_call" about Call,
    /// The call has returned; its answer is not recorded.
    AfterCall = "after_call" about Call,
    /// A failed call is about to be recorded.
    BeforeNote = "before_note" about Call,
    /// The failed call is recorded.
    AfterNote = "after_note" about Call,
    /// A call that is due is claimed, but the claim is not committed.
    BeforeClaim = "before_claim" about Call,
    /// The claim is committed; the call is not made.
    AfterClaim = "after_claim" about Call,
    /// An event is about to be published.
    BeforePublish = "before_publish" about Event,
    /// The event is sent, but not confirmed.
    AfterPublish = "after_publish" about Event,
    /// The event is confirmed; the confirm is not processed.
    AfterConfirm = "after_confirm" about Event,
    /// The mark "published" is written, but not committed.
    BeforeMark = "before_mark" about Event,
    /// The mark is committed.
    AfterMark = "after_mark" about Event,
    /// An event that was left behind is read back and about to be published.
    BeforeSweep = "before_sweep" about Event,
    /// A message is settled and about to be acknowledged.
    BeforeAck = "before_ack" about Delivery,
    /// The message is acknowledged.
    AfterAck = "after_ack" about Delivery,
    /// A dead letter or a delayed message is about to be published.
    BeforeCopy = "before_copy" about Copy,
    /// The copy is confirmed; its original is not acknowledged.
    AfterCopy = "after_copy" about Copy,
    /// Tables of the framework are changed, but the change is not committed.
    BeforeTables = "before_tables" about Tables,
    /// The change is committed.
    AfterTables = "after_tables" about Tables,
    /// A dead letter, or a note about it, is about to be published.
    BeforeLetter = "before_letter" about Letter,
    /// It is sent, but not confirmed.
    AfterLetter = "after_letter" about Letter,
    /// Every message for it is confirmed; the dead letter is about to be removed.
    BeforeRemoval = "before_removal" about Letter,
    /// The dead letter is removed.
    AfterRemoval = "after_removal" about Letter,
}
