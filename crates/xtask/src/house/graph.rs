//! Circles in a graph, and where to cut them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Arrows between numbered things, each with what it would cost to take it away.
#[derive(Debug, Default)]
pub(super) struct Graph {
    size: usize,
    arrows: BTreeMap<(usize, usize), usize>,
}

impl Graph {
    pub(super) fn new(arrows: BTreeMap<(usize, usize), usize>) -> Self {
        let size = arrows.keys().map(|&(from, to)| from.max(to) + 1).max().unwrap_or(0);
        Self { size, arrows }
    }

    /// The groups in which everything reaches everything else, largest first.
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

    /// The shortest way round within a component, without the return to its first step.
    pub(super) fn shortest_circle(&self, component: &BTreeSet<usize>) -> Vec<usize> {
        let circles = component.iter().filter_map(|&from| self.way_back(from, component));
        circles.min_by_key(|circle| (circle.len(), self.cost(circle))).unwrap_or_default()
    }

    /// Arrows that leave no circle in a component when they are gone; as few and as cheap as a
    /// search for a good order finds, dearest last.
    pub(super) fn cuts(&self, component: &BTreeSet<usize>) -> Vec<(usize, usize)> {
        let mut order: Vec<usize> = component.iter().copied().collect();
        order.sort_by_key(|&one| std::cmp::Reverse(self.surplus(one, component)));
        while self.improve(&mut order) {}
        let place: BTreeMap<usize, usize> =
            order.iter().enumerate().map(|(at, &one)| (one, at)).collect();
        let mut cuts: Vec<(usize, usize)> =
            self.within(component).filter(|(from, to)| place[from] > place[to]).collect();
        cuts.sort_by_key(|cut| self.arrows[cut]);
        cuts
    }

    /// Moves each thing to its best place in the order, in which who takes comes before who gives;
    /// whether that made the arrows against the order cheaper.
    fn improve(&self, order: &mut Vec<usize>) -> bool {
        let mut better = false;
        for one in order.clone() {
            let Some(now) = order.iter().position(|&other| other == one) else { continue };
            // What it costs to stand before the first of all the others, and then one further each.
            let others: Vec<usize> = order.iter().copied().filter(|&other| other != one).collect();
            let price = |from, to| self.arrows.get(&(from, to)).copied().unwrap_or(0);
            let mut cost: usize = others.iter().map(|&other| price(other, one)).sum();
            let mut costs = vec![cost];
            for &other in &others {
                cost = cost + price(one, other) - price(other, one);
                costs.push(cost);
            }
            let best = (0..costs.len()).min_by_key(|&at| costs[at]).unwrap_or(now);
            if costs[best] < costs[now] {
                *order = others;
                order.insert(best, one);
                better = true;
            }
        }
        better
    }

    fn surplus(&self, one: usize, component: &BTreeSet<usize>) -> i64 {
        let sum = |arrows: &mut dyn Iterator<Item = (usize, usize)>| {
            i64::try_from(arrows.map(|arrow| self.arrows[&arrow]).sum::<usize>())
                .unwrap_or(i64::MAX)
        };
        sum(&mut self.within(component).filter(|&(from, _)| from == one))
            - sum(&mut self.within(component).filter(|&(_, to)| to == one))
    }

    fn within(&self, component: &BTreeSet<usize>) -> impl Iterator<Item = (usize, usize)> {
        self.arrows
            .keys()
            .copied()
            .filter(|(from, to)| component.contains(from) && component.contains(to))
    }

    fn next(&self, from: usize) -> impl Iterator<Item = usize> {
        self.arrows.range((from, 0)..=(from, usize::MAX)).map(|(&(_, to), _)| to)
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

    fn cost(&self, circle: &[usize]) -> usize {
        let steps = circle.iter().zip(circle.iter().cycle().skip(1));
        steps.filter_map(|(&from, &to)| self.arrows.get(&(from, to))).sum()
    }
}
