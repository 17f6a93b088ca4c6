//! The works of a batch, by how far they have come.

use std::collections::VecDeque;

use crate::lane::message::message::{LaneMessage, LaneWork};

/// The works of one transaction, owned from their arrival to the commit, so none is lost if a
/// handler panics or the server is replaced. On a failure all come back, in an order that keeps
/// that of each saga.
#[derive(Default)]
pub(crate) struct Batch {
    /// Nothing is known of them yet.
    pub(super) arrived: Vec<LaneWork>,
    /// They are new, and their handlers are to run, or are running: run by run.
    pub(super) admitted: VecDeque<Vec<LaneWork>>,
    pub(super) ran: Vec<LaneWork>,
    /// They were handled before, and have no effect.
    pub(super) repeated: Vec<LaneWork>,
}

pub(crate) struct Committed {
    pub(crate) settled: Vec<LaneWork>,
    /// The turn was over before they ran. They are as they were.
    pub(crate) rest: Vec<LaneWork>,
}

impl Batch {
    pub(super) fn of(arrived: Vec<LaneWork>) -> Self {
        Self { arrived, ..Self::default() }
    }

    /// The new works, in the order in which they run.
    pub(super) fn admitted(&self) -> impl Iterator<Item = &LaneWork> {
        self.admitted.iter().flatten()
    }

    /// The messages that have been admitted, each with its place among all that come back.
    pub(super) fn admitted_messages(&self) -> impl Iterator<Item = (usize, &LaneMessage)> {
        let places = self.admitted().enumerate();
        places.filter_map(|(place, work)| Some((place, work.message()?)))
    }

    pub(super) fn into_works(self) -> Vec<LaneWork> {
        let Self { arrived, admitted, ran, repeated } = self;
        let (mut works, admitted) = (ran, admitted.into_iter().flatten());
        works.extend(admitted.chain(repeated).chain(arrived));
        works
    }

    pub(super) fn committed(self) -> Committed {
        let Self { admitted, ran: mut settled, repeated, .. } = self;
        settled.extend(repeated);
        Committed { settled, rest: admitted.into_iter().flatten().collect() }
    }
}
