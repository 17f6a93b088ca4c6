//! Which messages of a batch are handled at once, and in which order.
//!
//! Messages of one type that a bulk step takes make up a run, in which no saga occurs twice. What
//! the service does for one saga keeps the order of delivery. So a message joins an earlier run of
//! its type unless something of its own saga comes in between, and types that alternate in a queue
//! do not cut the runs short.

use std::collections::{HashMap, VecDeque};

use ballet_core::SagaId;

use crate::lane::message::message::LaneWork;

/// What matters for the order of a piece of work in its batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchSlot {
    saga: Option<SagaId>,
    /// The type with whose other messages it may be handled at once.
    runs_with: Option<&'static str>,
    /// Whether a handler of its type takes messages one by one.
    is_mixed: bool,
}

impl BatchSlot {
    pub(crate) fn of(work: &LaneWork) -> Self {
        match work {
            LaneWork::Message(message) => {
                let (saga, known) = (message.envelope.saga_id, &message.known);
                // A message that came without a saga is refused alone.
                let runs = known.runs() && saga.is_some();
                let runs_with = runs.then(|| known.event_type.name());
                Self { saga, runs_with, is_mixed: runs && !known.is_all_bulk() }
            }
            LaneWork::Answer(answer) => {
                Self { saga: Some(answer.call.saga_id), runs_with: None, is_mixed: false }
            }
        }
    }
}

/// Divides works into runs, each of which is handled at once, in their order.
///
/// The messages that a bulk step takes at once stay together. A run with a handler that takes
/// messages one by one is cut into parts, each twice as long as the one before it, so that the
/// transaction may end after each part, and the bulk step has few of them.
pub(crate) fn plan<W>(works: Vec<W>, slot: impl Fn(&W) -> BatchSlot) -> VecDeque<Vec<W>> {
    let mut runs: Vec<(Vec<W>, bool)> = Vec::with_capacity(works.len());
    // Where the last of a saga, and the last run of a type, is.
    let (mut of_saga, mut of_type) = (HashMap::new(), HashMap::new());
    for work in works {
        let BatchSlot { saga, runs_with, is_mixed } = slot(&work);
        let after = saga.and_then(|saga| of_saga.get(&saga)).copied();
        let joins = runs_with
            .and_then(|name| of_type.get(name).copied())
            .filter(|run| after.is_none_or(|after| after < *run));
        let run = joins.unwrap_or(runs.len());
        match runs.get_mut(run) {
            Some((run, _)) => run.push(work),
            None => runs.push((vec![work], is_mixed)),
        }
        if let Some(name) = runs_with {
            of_type.insert(name, run);
        }
        if let Some(saga) = saga {
            of_saga.insert(saga, run);
        }
    }
    let mut planned = VecDeque::with_capacity(runs.len());
    for (run, is_mixed) in runs {
        match is_mixed {
            true => planned.extend(parts(run)),
            false => planned.push_back(run),
        }
    }
    planned
}

fn parts<W>(mut run: Vec<W>) -> Vec<Vec<W>> {
    let (mut parts, mut size) = (Vec::new(), 1);
    while run.len() > size {
        let rest = run.split_off(size);
        parts.push(run);
        (run, size) = (rest, size * 2);
    }
    parts.push(run);
    parts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const TYPES: [&str; 3] = ["started", "closing", "cancelled"];
    const MIXED: usize = 2;

    type Placed = (usize, BatchSlot);

    fn place((at, (saga, runs_with)): (usize, (Option<u128>, Option<usize>))) -> Placed {
        let saga = saga.map(|saga| SagaId(uuid::Uuid::from_u128(saga)));
        // A message without a saga runs alone.
        let runs_with = runs_with.filter(|_| saga.is_some()).map(|at| TYPES[at]);
        (at, BatchSlot { saga, runs_with, is_mixed: runs_with == Some(TYPES[MIXED]) })
    }

    fn places(arrivals: Vec<(Option<u128>, Option<usize>)>) -> Vec<Placed> {
        arrivals.into_iter().enumerate().map(place).collect()
    }

    fn planned(works: &[Placed]) -> Vec<Vec<usize>> {
        let runs = plan(works.to_vec(), |(_, slot)| *slot);
        runs.into_iter().map(|run| run.into_iter().map(|(at, _)| at).collect()).collect()
    }

    proptest! {
        #[test]
        fn runs_hold_everything_once_and_keep_the_order_of_each_saga(
            arrivals in prop::collection::vec(
                (prop::option::of(0..6_u128), prop::option::of(0..TYPES.len())),
                0..40,
            )
        ) {
            let places = places(arrivals);
            let runs = planned(&places);
            let order: Vec<usize> = runs.iter().flatten().copied().collect();
            prop_assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), places.len());
            prop_assert_eq!(order.len(), places.len());
            for run in &runs {
                let sagas: BTreeSet<_> = run.iter().map(|at| places[*at].1.saga).collect();
                prop_assert_eq!(sagas.len(), run.len(), "a saga twice in a run");
                let types: BTreeSet<_> = run.iter().map(|at| places[*at].1.runs_with).collect();
                prop_assert!(types.len() == 1 && (run.len() == 1 || !types.contains(&None)));
                prop_assert!(run.is_sorted());
            }
            for (_, slot) in places.iter().filter(|(_, slot)| slot.saga.is_some()) {
                let of_saga = order.iter().filter(|at| places[**at].1.saga == slot.saga);
                prop_assert!(of_saga.is_sorted(), "a saga's order is another");
            }
            let alone = order.iter().filter(|at| places[**at].1.runs_with.is_none());
            prop_assert!(alone.is_sorted(), "what runs alone changed places");
        }
    }

    #[test]
    fn a_run_with_an_ordinary_handler_is_cut_into_few_parts() {
        let arrivals = |of_type| (0..10).map(|at| (Some(at), Some(of_type))).collect();
        let sizes = |of_type| -> Vec<usize> {
            planned(&places(arrivals(of_type))).iter().map(Vec::len).collect()
        };
        assert_eq!((sizes(0), sizes(MIXED)), (vec![10], vec![1, 2, 4, 3]));
    }
}
