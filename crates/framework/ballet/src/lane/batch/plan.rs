//! Which messages of a batch are handled at once, and in which order.
//!
//! Messages of one type that a bulk step takes make up a run, in which no saga occurs twice. What
//! the service does for one saga keeps the order of delivery. Between sagas there is none, as with
//! several lanes, so a message joins an earlier run of its type unless something of its own saga
//! comes in between: types that alternate in a queue do not cut the runs short.

use std::collections::{HashMap, HashSet};

use ballet_core::SagaId;

use crate::lane::message::message::LaneWork;

/// A piece of work among those of its batch, as far as it matters for the order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchSlot {
    at: usize,
    saga: Option<SagaId>,
    /// The type with whose other messages it may be handled at once.
    runs_with: Option<&'static str>,
    /// Whether a handler of its type takes messages one by one.
    is_mixed: bool,
}

impl BatchSlot {
    pub(crate) fn of(at: usize, work: &LaneWork) -> Self {
        match work {
            LaneWork::Message(message) => {
                let (saga, known) = (message.envelope.saga_id, &message.known);
                // A message that came without a saga is refused alone.
                let runs = known.runs() && saga.is_some();
                let runs_with = runs.then(|| known.event_type.name());
                Self { at, saga, runs_with, is_mixed: runs && !known.is_all_bulk() }
            }
            LaneWork::Answer(answer) => {
                let saga = Some(answer.call.saga_id);
                Self { at, saga, runs_with: None, is_mixed: false }
            }
        }
    }
}

/// Which places are handled at once, in which order.
///
/// The messages that a bulk step takes at once stay together. A run with a handler that takes messages one by
/// one is cut into parts, each twice as long as the one before it: the transaction may end after each
/// of them, and the bulk step has few of them.
pub(crate) fn plan(places: impl Iterator<Item = BatchSlot>) -> Vec<Vec<usize>> {
    let mut mixed = HashSet::new();
    let places = places.inspect(|slot| {
        if slot.is_mixed {
            mixed.insert(slot.at);
        }
    });
    let runs = whole_runs(places);
    let is_mixed = |run: &[usize]| run.first().is_some_and(|at| mixed.contains(at));
    if mixed.is_empty() {
        return runs;
    }
    runs.into_iter().flat_map(|run| if is_mixed(&run) { parts(&run) } else { vec![run] }).collect()
}

fn parts(mut run: &[usize]) -> Vec<Vec<usize>> {
    let (mut parts, mut size) = (Vec::new(), 1);
    while !run.is_empty() {
        let (part, rest) = run.split_at(size.min(run.len()));
        parts.push(part.to_vec());
        (run, size) = (rest, size * 2);
    }
    parts
}

fn whole_runs(places: impl Iterator<Item = BatchSlot>) -> Vec<Vec<usize>> {
    let mut runs: Vec<Vec<usize>> = Vec::new();
    // Where the last of a saga, and the last run of a type, is.
    let (mut of_saga, mut of_type) = (HashMap::new(), HashMap::new());
    for BatchSlot { at, saga, runs_with, .. } in places {
        let after = saga.and_then(|saga| of_saga.get(&saga)).copied();
        let joins = runs_with
            .and_then(|name| of_type.get(name).copied())
            .filter(|run| after.is_none_or(|after| after < *run));
        let run = joins.unwrap_or(runs.len());
        match runs.get_mut(run) {
            Some(run) => run.push(at),
            None => runs.push(vec![at]),
        }
        if let Some(name) = runs_with {
            of_type.insert(name, run);
        }
        if let Some(saga) = saga {
            of_saga.insert(saga, run);
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const TYPES: [&str; 3] = ["started", "closing", "cancelled"];
    const MIXED: usize = 2;

    fn place((at, (saga, runs_with)): (usize, (Option<u128>, Option<usize>))) -> BatchSlot {
        let saga = saga.map(|saga| SagaId(uuid::Uuid::from_u128(saga)));
        // A message without a saga runs alone.
        let runs_with = runs_with.filter(|_| saga.is_some()).map(|at| TYPES[at]);
        BatchSlot { at, saga, runs_with, is_mixed: runs_with == Some(TYPES[MIXED]) }
    }

    fn places(arrivals: Vec<(Option<u128>, Option<usize>)>) -> Vec<BatchSlot> {
        arrivals.into_iter().enumerate().map(place).collect()
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
            let runs = plan(places.iter().copied());
            let order: Vec<usize> = runs.iter().flatten().copied().collect();
            prop_assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), places.len());
            prop_assert_eq!(order.len(), places.len());
            for run in &runs {
                let sagas: BTreeSet<_> = run.iter().map(|at| places[*at].saga).collect();
                prop_assert_eq!(sagas.len(), run.len(), "a saga twice in a run");
                let types: BTreeSet<_> = run.iter().map(|at| places[*at].runs_with).collect();
                prop_assert!(types.len() == 1 && (run.len() == 1 || !types.contains(&None)));
                prop_assert!(run.is_sorted());
            }
            for place in places.iter().filter(|place| place.saga.is_some()) {
                let of_saga = order.iter().filter(|at| places[**at].saga == place.saga);
                prop_assert!(of_saga.is_sorted(), "a saga's order is another");
            }
            let alone = order.iter().filter(|at| places[**at].runs_with.is_none());
            prop_assert!(alone.is_sorted(), "what runs alone changed places");
        }
    }

    #[test]
    fn types_that_alternate_do_not_cut_the_runs_short() {
        let (started, closing) = (Some(0), Some(1));
        // Each saga closes a little after it has started.
        let arrivals = (0..20).flat_map(|at| [(Some(at + 3), started), (Some(at), closing)]);
        let runs = plan(places(arrivals.collect()).into_iter());
        assert_eq!(runs.len(), 2, "{runs:?}");
    }
    #[test]
    fn a_run_with_an_ordinary_handler_is_cut_into_few_parts() {
        let arrivals = |of_type| (0..10).map(|at| (Some(at), Some(of_type))).collect();
        let sizes = |of_type| -> Vec<usize> {
            plan(places(arrivals(of_type)).into_iter()).iter().map(Vec::len).collect()
        };
        assert_eq!((sizes(0), sizes(MIXED)), (vec![10], vec![1, 2, 4, 3]));
    }
}
