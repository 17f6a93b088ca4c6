//! The limits on a message: its size, its depth, and its age.

use jiff::SignedDuration;

/// The size of a message's headers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeaderSize {
    /// The number of headers, including those in nested tables.
    pub count: usize,
    /// The bytes of names and values.
    pub bytes: usize,
    /// The depth of nested tables and lists.
    pub depth: usize,
}

/// How big a message may be, and how far its ids may lie in the past or the future.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The biggest body in bytes.
    pub max_body: usize,
    /// The depth to which a body may be nested.
    pub max_depth: usize,
    /// The biggest headers.
    pub max_headers: HeaderSize,
    /// How long message ids are remembered.
    pub inbox_window: SignedDuration,
    /// How long sagas are remembered, counted from the time in their id.
    pub saga_window: SignedDuration,
    /// How long a saga is remembered after a step that can still be undone, if nothing tells this
    /// service how the saga ended.
    pub unsettled_window: SignedDuration,
    /// How much of that time is left for a saga to end after its deadline: for retries, calls to the
    /// outside, and what people redrive.
    pub saga_room: SignedDuration,
    /// How far a producer's clock may be ahead of ours.
    pub clock_skew: SignedDuration,
}

impl Limits {
    /// The limits of tools, which read what services refuse, too.
    #[must_use]
    pub fn of_tools() -> Self {
        Self { max_body: 16 * 1024 * 1024, max_depth: usize::MAX, ..Self::default() }
    }

    /// The age up to which a saga with this deadline may begin, so that all of it is remembered. A
    /// saga of the inbox's window always may.
    #[must_use]
    pub fn begins_within(&self, deadline: Option<SignedDuration>) -> SignedDuration {
        let needed = self.saga_room.saturating_add(deadline.unwrap_or_default());
        self.saga_window.saturating_sub(needed).max(self.inbox_window)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body: 1024 * 1024,
            max_depth: 64,
            // A quarter of a frame, since a dead letter's headers also hold the reason.
            max_headers: HeaderSize { count: 64, bytes: 32 * 1024, depth: 8 },
            inbox_window: SignedDuration::from_hours(7 * 24),
            saga_window: SignedDuration::from_hours(90 * 24),
            unsettled_window: SignedDuration::from_hours(365 * 24),
            saga_room: SignedDuration::from_hours(14 * 24),
            clock_skew: SignedDuration::from_mins(5),
        }
    }
}
