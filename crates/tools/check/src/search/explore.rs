//! All states of a run, breadth first, and those of them that can still end well.

use std::collections::HashMap;

use crate::search::design::Design;
use crate::search::moves::Move;
use crate::search::state::{Mix, State};

pub(super) struct Explored {
    /// In the order in which they were found: none needs fewer moves than one before it.
    pub(super) states: Vec<State>,
    parents: Vec<u32>,
    /// The states after each one's helpful moves, from its place in `firsts` to the next one's.
    edges: Vec<u32>,
    firsts: Vec<usize>,
    /// Whether nothing more is certain to happen.
    pub(super) rests: Vec<bool>,
    /// Whether the search came to its end.
    pub(super) is_whole: bool,
}

impl Explored {
    /// Stops at `most` states.
    pub(super) fn new(design: &Design<'_>, most: u32) -> Self {
        let mut known: HashMap<State, u32, Mix> = HashMap::default();
        let mut all = Self {
            states: vec![State::default()],
            parents: vec![0],
            edges: Vec::new(),
            firsts: Vec::new(),
            rests: Vec::new(),
            is_whole: true,
        };
        known.insert(State::default(), 0);
        let mut at = 0;
        while let Some(state) = all.states.get(at).copied() {
            all.firsts.push(all.edges.len());
            let from = u32::try_from(at).unwrap_or(u32::MAX);
            let (mut rests, mut count) =
                (true, u32::try_from(all.states.len()).unwrap_or(u32::MAX));
            design.moves(&state, &mut |made, next| {
                rests &= !made.is_certain();
                let to = *known.entry(next).or_insert_with(|| {
                    all.states.push(next);
                    all.parents.push(from);
                    count += 1;
                    count - 1
                });
                if design.helps(&state, made) {
                    all.edges.push(to);
                }
            });
            all.rests.push(rests);
            at += 1;
            if count > most {
                all.is_whole = false;
                break;
            }
        }
        all.firsts.push(all.edges.len());
        all
    }

    /// Nothing is known of a state at which the search stopped.
    fn after(&self, at: usize) -> impl DoubleEndedIterator<Item = usize> {
        let range = self.firsts.get(at).zip(self.firsts.get(at + 1));
        let edges = range.and_then(|(first, end)| self.edges.get(*first..*end)).unwrap_or_default();
        edges.iter().filter_map(|to| usize::try_from(*to).ok())
    }

    /// Whether a good end can be reached from each state. `is_good` says it of those at rest.
    pub(super) fn can_end(&self, is_good: impl Fn(&State) -> bool) -> Vec<bool> {
        let mut can: Vec<bool> = self
            .rests
            .iter()
            .zip(&self.states)
            .map(|(rests, state)| *rests && is_good(state))
            .collect();
        // No move leads back, so few rounds are needed.
        loop {
            let mut found = false;
            for at in (0..can.len()).rev() {
                if !can[at] && self.after(at).any(|to| can[to]) {
                    (can[at], found) = (true, true);
                }
            }
            if !found {
                return can;
            }
        }
    }

    /// The place of the state from which this one was found.
    pub(super) fn parent(&self, at: usize) -> usize {
        usize::try_from(self.parents[at]).unwrap_or_default()
    }

    /// The place of a state in which a run rests at last that goes on from here.
    pub(super) fn last_after(&self, mut at: usize) -> usize {
        while let Some(next) = self.after(at).next_back() {
            at = next;
        }
        at
    }

    /// The moves from a state to the one in which it rests at [last](Self::last_after).
    pub(super) fn on(&self, design: &Design<'_>, mut at: usize, last: usize) -> Vec<(Move, State)> {
        let mut on = Vec::new();
        while at != last
            && let Some(next) = self.after(at).next_back()
        {
            on.extend(self.made(design, at, next));
            at = next;
        }
        on
    }

    /// The move from one state to another.
    fn made(&self, design: &Design<'_>, from: usize, to: usize) -> Option<(Move, State)> {
        let (mut made, state) = (None, self.states[to]);
        design.moves(&self.states[from], &mut |one, next| {
            made = made.or((next == state).then_some((one, state)));
        });
        made
    }

    /// The moves to a state, each with the state after it.
    pub(super) fn way(&self, design: &Design<'_>, mut at: usize) -> Vec<(Move, State)> {
        let mut way = Vec::new();
        while at != 0 {
            let parent = self.parent(at);
            way.extend(self.made(design, parent, at));
            at = parent;
        }
        way.reverse();
        way
    }
}
