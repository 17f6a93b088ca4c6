//! Circles in a graph.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Arrows between numbered things.
#[derive(Debug, Default)]
pub(super) struct Graph {
    size: usize,
    arrows: BTreeSet<(usize, usize)>,
}

impl Graph {
    pub(super) fn new(arrows: BTreeSet<(usize, usize)>) -> Self {
        let size = arrows.iter().map(|&(from, to)| from.max(to) + 1).max().unwrap_or(0);
        Self { size, arrows }
    }

    /// The strongly connected components of more than one node, largest first.
    pub(super) fn components(&self) -> Vec<BTreeSet<usize>> {
        let reached: Vec<BTreeSet<usize>> = (0..self.size).map(|from| self.reach(from)).collect();
        let mut left: BTreeSet<usize> = (0..self.size).collect();
        let mut components = Vec::new();
        while let Some(first) = left.pop_first() {
            let both =
                |&other: &usize| reached[first].contains(&other) && reached[other].contains(&first);
            let others: BTreeSet<usize> = left.iter().copied().filter(both).collect();
            if others.is_empty() {
                continue;
            }
            left.retain(|one| !others.contains(one));
            components.push(others.into_iter().chain([first]).collect());
        }
        components.sort_by_key(|component: &BTreeSet<usize>| std::cmp::Reverse(component.len()));
        components
    }

    /// The shortest circle within a component. Its first node is not repeated at the end.
    pub(super) fn shortest_circle(&self, component: &BTreeSet<usize>) -> Vec<usize> {
        let circles = component.iter().filter_map(|&from| self.way_back(from, component));
        circles.min_by_key(Vec::len).unwrap_or_default()
    }

    fn next(&self, from: usize) -> impl Iterator<Item = usize> {
        self.arrows.range((from, 0)..=(from, usize::MAX)).map(|&(_, to)| to)
    }

    fn reach(&self, from: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(one) = open.pop() {
            open.extend(self.next(one).filter(|&to| reached.insert(to)));
        }
        reached
    }

    fn way_back(&self, start: usize, component: &BTreeSet<usize>) -> Option<Vec<usize>> {
        let mut came: BTreeMap<usize, usize> = BTreeMap::new();
        let mut open = VecDeque::from([start]);
        while let Some(one) = open.pop_front() {
            for to in self.next(one).filter(|to| component.contains(to)) {
                if to == start {
                    let mut way: Vec<usize> =
                        std::iter::successors(Some(one), |at| came.get(at).copied()).collect();
                    way.reverse();
                    return Some(way);
                }
                came.entry(to).or_insert_with(|| {
                    open.push_back(to);
                    one
                });
            }
        }
        None
    }
}
