//! The points, and what each is about.

/// What a point is about, so that the things to aim at can be read from what a service declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// An event that comes in, by its type.
    Delivery,
    /// A row that a transaction adds to the ledger, `<entry>:<step>`; where it adds none, an event
    /// that it emits, by its type.
    Row,
    /// A call to the outside, `<step>` or `undo:<step>`.
    Call,
    /// An event that goes out, by its type.
    Event,
    /// A copy of a message, by the exchange that it goes to.
    Copy,
    /// The framework's own tables, by what happens to them.
    Tables,
    /// A dead letter that a tool takes away, by the service that it belongs to. No service does.
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
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$point),+];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)+
                }
            }

            /// What it is about.
            #[must_use]
            pub const fn about(self) -> &'static [About] {
                match self {
                    $(Self::$point => &[$(About::$about),+],)+
                }
            }
        }
    };
}

points! {
    /// A batch's transaction is open, nothing is done in it.
    AfterBegin = "after_begin" about Delivery | Call,
    /// The handlers have run, nothing is written but their rows.
    AfterHandler = "after_handler" about Row,
    /// All is written, and not committed.
    BeforeCommit = "before_commit" about Row,
    /// Committed, and nobody knows.
    AfterCommit = "after_commit" about Row,
    /// A call is to be made.
    BeforeCall = "before_call" about Call,
    /// The call is made, its answer is known and not recorded.
    AfterCall = "after_call" about Call,
    /// A failed call is to be noted down.
    BeforeNote = "before_note" about Call,
    /// It is noted down.
    AfterNote = "after_note" about Call,
    /// A call of a process that is gone is to be taken over.
    BeforeTakeOver = "before_take_over" about Call,
    /// It is taken over, and not made.
    AfterTakeOver = "after_take_over" about Call,
    /// An event is to be published.
    BeforePublish = "before_publish" about Event,
    /// It is sent, and not confirmed.
    AfterPublish = "after_publish" about Event,
    /// It is confirmed, and nothing made of it.
    AfterConfirm = "after_confirm" about Event,
    /// The mark that it is published is written, and not committed.
    BeforeMark = "before_mark" about Event,
    /// The mark is committed.
    AfterMark = "after_mark" about Event,
    /// An event that was left behind is read back, and to be published.
    BeforeSweep = "before_sweep" about Event,
    /// A message is settled, and to be acknowledged.
    BeforeAck = "before_ack" about Delivery,
    /// It is acknowledged.
    AfterAck = "after_ack" about Delivery,
    /// A dead letter, or a message for later, is to be published.
    BeforeCopy = "before_copy" about Copy,
    /// It is confirmed, its original is not acknowledged.
    AfterCopy = "after_copy" about Copy,
    /// Tables of the framework are changed, and it is not committed.
    BeforeTables = "before_tables" about Tables,
    /// It is committed.
    AfterTables = "after_tables" about Tables,
    /// A dead letter, or a note of it, is to be published.
    BeforeLetter = "before_letter" about Letter,
    /// It is sent, and not confirmed.
    AfterLetter = "after_letter" about Letter,
    /// All of it is confirmed, and the dead letter is to be removed.
    BeforeRemoval = "before_removal" about Letter,
    /// It is removed.
    AfterRemoval = "after_removal" about Letter,
}
