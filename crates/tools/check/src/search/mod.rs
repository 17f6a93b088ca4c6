//! Searches a design through: every order in which the messages of a run can be delivered, refused, delayed and
//! doubled, with an abort, a deadline and a crash at any time. It runs nothing: the contracts say enough.
//!
//! One run is enough. Services keep what they know of a run under its id, and what another run leaves in shared rows
//! shows only in a step's answer, which is tried both ways wherever a step may refuse.

mod acts;
mod branches;
mod design;
mod explore;
pub mod models;
mod moves;
mod outside;
mod state;
#[cfg(test)]
mod tests;
mod verdict;
mod words;

use std::collections::BTreeSet;

use ballet_core::{Graph, Problem, System};

pub use crate::search::acts::{Act, Deed, Judgement, KeyedEvent, Row, judge};
use crate::search::design::Design;
use crate::search::explore::Explored;
use crate::search::verdict::Fault;

/// The states of one saga that are looked at: some 500 MB.
const MOST: u32 = 4_000_000;

/// The shortest run of a saga that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counterexample {
    /// The saga.
    pub saga: &'static str,
    /// Its version.
    pub version: u32,
    /// The rule, with the run in words.
    pub problem: Problem,
    /// The moves as orders, until nothing happens any more.
    pub acts: Vec<Act>,
    /// The number of moves after which it has gone wrong.
    pub length: usize,
    /// The rows of the ledgers by then.
    pub ends: Vec<Row>,
}

/// One saga that was searched through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchedSaga {
    /// The saga.
    pub saga: &'static str,
    /// The number of states of a run, in all its versions.
    pub states: usize,
    /// Whether all states were looked at. Others are too many, and nothing is known of them.
    pub is_whole: bool,
    /// The shortest run for each fault.
    pub counterexamples: Vec<Counterexample>,
}

/// Searches all sagas of a system through.
#[must_use]
pub fn search(system: &System) -> Vec<SearchedSaga> {
    let graph = Graph::new(system.clone());
    let all = graph.sagas().into_iter().map(|saga| {
        let mut all = SearchedSaga { saga, states: 0, is_whole: true, counterexamples: Vec::new() };
        for version in graph.versions(saga) {
            one(system, &graph.in_version(saga, version), version, &mut all);
        }
        all
    });
    all.collect()
}

fn one(system: &System, graph: &Graph, version: u32, searched: &mut SearchedSaga) {
    let design = Design::new(system, graph, searched.saga);
    if design.bits > state::BITS {
        searched.is_whole = false;
        return;
    }
    let explored = Explored::new(&design, MOST);
    searched.states += explored.states.len();
    searched.is_whole &= explored.is_whole;
    let mut told: BTreeSet<(&str, String)> = searched
        .counterexamples
        .iter()
        .map(|one| (one.problem.rule.id, one.problem.of.clone()))
        .collect();
    for (at, last, fault) in faults(&design, &explored) {
        if told.insert((fault.rule.id, fault.of.clone())) {
            let way = explored.way(&design, at);
            let (acts, ends) = design.acts(&[way.clone(), explored.on(&design, at, last)].concat());
            let problem = design.problem(searched.saga, &fault, &way);
            let (saga, length) = (searched.saga, way.len());
            searched.counterexamples.push(Counterexample {
                saga,
                version,
                problem,
                acts,
                length,
                ends,
            });
        }
    }
}

/// The faults of the states that are the first on their ways to have one, and where a run rests at last after each.
fn faults(design: &Design<'_>, explored: &Explored) -> Vec<(usize, usize, Fault)> {
    let is_good = |state: &state::State| design.is_good(state);
    // Of a part of the states it is not known which end well.
    let can_end = if explored.is_whole { explored.can_end(is_good) } else { Vec::new() };
    let mut found = Vec::new();
    for (at, state) in explored.states.iter().enumerate() {
        let parent = explored.parent(at);
        let hangs = |at: usize| can_end.get(at) == Some(&false);
        if let Some(fault) = design.twice(state) {
            if design.twice(&explored.states[parent]).is_none() {
                found.push((at, explored.last_after(at), fault));
            }
        } else if hangs(at) && (at == 0 || !hangs(parent)) {
            let last = explored.last_after(at);
            // Where no run ends well, a whole one is shown.
            let shown = if at == 0 { last } else { at };
            found.extend(design.fault_at(&explored.states[last]).map(|fault| (shown, last, fault)));
        }
    }
    found
}
