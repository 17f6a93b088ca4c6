//! The invariants of a sale, and of the warranty under its id, at their owner.

use std::collections::BTreeSet;

use ballet::{Abort, Event};

use crate::facts::SagaFacts;
use crate::sale::{Booked, Cancelled, Confirmed, Gifted, Overdue, Placed, Requested, Ungifted};
use crate::sales::{NOBODY, Sealed};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum OwnerInput {
    /// A sale whose order has none of the three has begun before.
    Begin,
    /// Another beginning, by somebody.
    Post(&'static str),
    Request,
    Again,
    Refusal,
    RefusalCopy,
    Pivot,
    PivotCopy,
    Cancel,
    Deadline,
    /// The owner's own event: again under another id, or without the deadline.
    DeadlineCopy,
    Praise,
    /// Decides the warranty under the same id.
    Seal,
}
use OwnerInput::{
    Begin, Cancel, Deadline, DeadlineCopy, Pivot, PivotCopy, Post, Praise, Refusal, RefusalCopy,
    Request, Seal,
};

impl OwnerInput {
    fn begins(self) -> bool {
        matches!(self, Begin | Post(_) | Request)
    }
}

/// The place of the beginning in an order.
pub(crate) fn beginning(order: &[OwnerInput]) -> Option<usize> {
    order.iter().position(|thing| thing.begins())
}

/// The order in which the owner handles things after a restore.
pub(crate) fn after_a_restore(order: &[OwnerInput]) -> Vec<OwnerInput> {
    let begun = beginning(order).unwrap_or_default();
    let places = 0..order.len();
    let (now, later): (Vec<_>, Vec<_>) =
        places.partition(|at| order[*at] == Seal || *at >= begun && order[*at] != Refusal);
    now.into_iter().chain(later).map(|at| order[at]).collect()
}

pub(crate) struct OwnerCase<'a> {
    pub(crate) order: &'a [OwnerInput],
    pub(crate) one_by_one: bool,
    pub(crate) is_restored: bool,
    pub(crate) facts: &'a SagaFacts,
    pub(crate) state: &'a str,
    pub(crate) endings: &'a [String],
    pub(crate) gifts: i64,
    pub(crate) taken_back: i64,
    pub(crate) answer: Option<Abort>,
    pub(crate) refused: BTreeSet<OwnerInput>,
    pub(crate) deadlines: BTreeSet<String>,
}

impl OwnerCase<'_> {
    pub(crate) fn judge(&self) -> Result<(), String> {
        let (open, confirmed) = (self.state == "placed", self.state == "confirmed");
        let first = beginning(self.order).map(|at| self.order[at]);
        self.told::<Placed>(matches!(first, None | Some(Begin)))?;
        self.told::<Booked>(matches!(first, Some(Post(by)) if by != NOBODY))?;
        self.told::<Requested>(first == Some(Request))?;
        self.told::<Confirmed>(confirmed)?;
        self.told::<Cancelled>(!confirmed && !open)?;
        let ending: &[&str] = if open { &[] } else { &[self.state] };
        check("it ends once", self.endings == ending)?;
        let put_off = self.facts.told.keys().any(|key| key.starts_with("retry"));
        check("nothing is put off", self.is_restored || !put_off)?;
        let is_sealed = self.order.contains(&Seal);
        self.told::<Sealed>(is_sealed)?;
        let left = [("sale", open), ("warranty", !is_sealed)];
        let left = left.into_iter().filter(|(_, is)| *is).map(|(saga, _)| saga.to_owned());
        check(
            "a decided saga has no deadline, and an open one has",
            self.deadlines == left.collect(),
        )?;
        let cancels = self.state == "cancelled: request";
        check("the request's answer is true", cancels == (self.answer == Some(Abort::Aborted)))?;
        if confirmed || open {
            check("nothing is taken back", self.taken_back == 0)?;
        } else {
            check("every gift is taken back", self.taken_back == self.gifts)?;
        }
        let begun = beginning(self.order).unwrap_or_default();
        let copies = self.order[begun..].iter().filter(|thing| **thing == DeadlineCopy).count();
        check("there is one gift at most", self.gifts <= 1)?;
        self.told::<Gifted>(self.gifts == 1)?;
        self.told::<Ungifted>(self.taken_back == 1)?;
        if self.one_by_one {
            return self.the_first_wins();
        }
        let told = self.facts.told::<Overdue>() - copies;
        check("the deadline is told once at most", told <= 1)?;
        self.dead_letters(0)
    }

    fn told<E: Event>(&self, is: bool) -> Result<(), String> {
        let told = self.facts.told::<E>();
        check(&format!("{} is told {is}, not {told} times", E::TYPE), told == usize::from(is))
    }

    fn dead_letters(&self, expected: usize) -> Result<(), String> {
        let dead = self.facts.told.get("dead: sales").map_or(0, BTreeSet::len);
        check(&format!("there are {expected} dead letters, not {dead}"), dead == expected)
    }

    fn the_first_wins(&self) -> Result<(), String> {
        let begun = beginning(self.order);
        let (before, order) = self.order.split_at(begun.unwrap_or_default());
        let at = |things: &[OwnerInput]| order.iter().position(|thing| things.contains(thing));
        let end = order.len();
        let refusal = at(&[Refusal, RefusalCopy]).unwrap_or(end);
        let pivot = at(&[Pivot, PivotCopy]).unwrap_or(end);
        let cancel = at(&[Cancel]).unwrap_or(end);
        let deadline = at(&[Deadline, DeadlineCopy]).unwrap_or(end);
        let is_refused = begun.is_some() && order[0] == Post(NOBODY);
        let abort = if is_refused { 0 } else { refusal.min(cancel).min(deadline) };
        let (state, answer) = if is_refused {
            ("cancelled: post", Abort::AlreadyAborted)
        } else if pivot < abort {
            ("confirmed", Abort::TooLate)
        } else if abort == end {
            ("placed", Abort::Aborted)
        } else if refusal == abort {
            ("cancelled: refused", Abort::AlreadyAborted)
        } else if deadline == abort {
            ("cancelled: deadline", Abort::AlreadyAborted)
        } else {
            ("cancelled: request", Abort::Aborted)
        };
        let over = at(&[Deadline]).is_some_and(|over| over <= pivot.min(abort));
        // A copy before the beginning also goes through the broker.
        let copies = usize::from(self.order.contains(&DeadlineCopy));
        let told = self.facts.told::<Overdue>() == usize::from(over) + copies;
        check("the deadline of an open saga is told, and no other", told)?;
        check(&format!("{state} came first"), self.state == state)?;
        check(
            &format!("the request's answer is {answer:?}"),
            self.answer.is_none_or(|a| a == answer),
        )?;
        let praise = at(&[Praise]).unwrap_or(end);
        let runs = state == "confirmed" || praise < abort;
        check("the own step ran before an abort", (self.gifts == 1) == (runs && praise < end))?;
        self.what_has_no_saga_is_refused(before, order, state == "confirmed", abort)
    }

    /// A message before the beginning is a dead letter or refused. So is another beginning, unless the sale is
    /// aborted.
    fn what_has_no_saga_is_refused(
        &self,
        before: &[OwnerInput],
        order: &[OwnerInput],
        is_confirmed: bool,
        abort: usize,
    ) -> Result<(), String> {
        let is_message = |thing: &&OwnerInput| !matches!(thing, Cancel | Deadline | Seal);
        let too_early = before.iter().filter(is_message).count();
        let others = order.iter().enumerate().skip(1).filter(|(at, thing)| {
            matches!(thing, Begin | Post(_)) && (is_confirmed || *at < abort)
        });
        self.dead_letters(too_early + others.count())?;
        let cancels = before.iter().filter(|thing| **thing == Cancel);
        let requests = order.iter().skip(1).filter(|thing| **thing == Request);
        let refused: BTreeSet<OwnerInput> = cancels.chain(requests).copied().collect();
        check(&format!("{refused:?} are refused, not {:?}", self.refused), self.refused == refused)
    }
}

fn check(what: &str, is: bool) -> Result<(), String> {
    if is { Ok(()) } else { Err(format!("not true: {what}")) }
}
