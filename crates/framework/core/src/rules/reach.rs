//! The rules for steps that no saga comes to: a join of events that cannot both come, and steps that wait for one
//! another.

use std::collections::BTreeSet;

use crate::events::event::EventType;
use crate::parts::node::{Node, nodes, sagas, upstream};
use crate::parts::part::{StepKind, System};
use crate::rules::catalogue;
use crate::rules::problem::Problem;

/// The outcomes of steps: the place of each, and whether it was done or refused.
type Outcomes = BTreeSet<(usize, bool)>;

pub(super) fn check(system: &System, problems: &mut Vec<Problem>) {
    for saga in sagas(system) {
        let ways = Ways::new(system, saga);
        let never = ways.nodes.iter().zip(&ways.before).filter(|(_, before)| before.is_none());
        let never: Vec<&Node<'_>> = never.map(|(node, _)| node).collect();
        let joins: Vec<Problem> = never.iter().filter_map(|node| ways.join(node)).collect();
        // A step that is its own cause has been reported.
        let is_cause = |at: usize| upstream(&ways.nodes, at).contains(&at);
        let is_told = !joins.is_empty() || (0..ways.nodes.len()).any(is_cause);
        problems.extend(joins);
        if never.is_empty() || is_told {
            continue;
        }
        let names = never.iter().map(|node| format!("{}.{}", node.service, node.step.name));
        problems.push(Problem {
            rule: &catalogue::CIRCLE,
            service: never[0].service.to_owned(),
            of: saga.to_owned(),
            detail: format!(
                "{saga} never comes to {}: some of them wait for one another, so let one wait for an event that \
                 comes earlier",
                names.collect::<Vec<_>>().join(" and ")
            ),
        });
    }
}

struct Ways<'a> {
    system: &'a System,
    nodes: Vec<Node<'a>>,
    /// Whether each step may run more than once in a saga.
    repeats: Vec<bool>,
    /// The outcomes that precede each step on all of its ways. `None` for a step that has no way.
    before: Vec<Option<Outcomes>>,
}

impl<'a> Ways<'a> {
    fn new(system: &'a System, saga: &str) -> Self {
        let nodes = nodes(system, saga);
        let (repeats, before) = (vec![false; nodes.len()], vec![None; nodes.len()]);
        let mut ways = Self { system, nodes, repeats, before };
        // Each round finds steps that are one further away, and more ways to those that are known.
        loop {
            let repeats: Vec<bool> = ways.nodes.iter().map(|node| ways.repeats(node)).collect();
            let before: Vec<_> = ways.nodes.iter().map(|node| ways.before_step(node)).collect();
            if repeats == ways.repeats && before == ways.before {
                return ways;
            }
            (ways.repeats, ways.before) = (repeats, before);
        }
    }

    /// Whether a step may run more than once in a saga, under a key that no contract tells, because
    /// its trigger may come more than once.
    fn repeats(&self, node: &Node<'_>) -> bool {
        let [on] = node.step.on[..] else { return false };
        let comes_again = self.publishers(on).is_none_or(|all| {
            let is_one_of_several = all.len() > 1;
            all.iter().any(|(at, by)| {
                self.repeats[*at] || is_one_of_several && by.step.kind != StepKind::Origin
            })
        });
        !node.step.compensated_by.is_empty() || node.step.kind != StepKind::Origin && comes_again
    }

    fn before_step(&self, node: &Node<'_>) -> Option<Outcomes> {
        let mut all = Outcomes::new();
        for event in &node.step.on {
            all.extend(self.before_event(*event)?);
        }
        let is_both = all.iter().any(|(at, is_done)| *is_done && all.contains(&(*at, false)));
        (!is_both).then_some(all)
    }

    /// Returns the outcomes that precede an event on all of its ways. Nothing is known of an event from elsewhere.
    fn before_event(&self, event: EventType) -> Option<Outcomes> {
        let Some(publishers) = self.publishers(event) else { return Some(Outcomes::new()) };
        let ways = publishers.into_iter().filter_map(|(at, node)| {
            let mut way = self.before[at].clone()?;
            // One that repeats may be done and refused.
            if !self.repeats[at] {
                way.insert((at, node.step.refused != Some(event)));
            }
            Some(way)
        });
        ways.reduce(|one, other| &one & &other)
    }

    /// The steps that publish an event. `None` if it may come from elsewhere.
    fn publishers(&self, event: EventType) -> Option<Vec<(usize, &Node<'a>)>> {
        let publishers = self.nodes.iter().enumerate().filter(|(_, node)| node.publishes(&event));
        let publishers: Vec<_> = publishers.collect();
        let is_beside = self.system.parts.iter().any(|part| part.publishes.contains(&event));
        let is_from_elsewhere = is_beside || !event.foreign_producers().is_empty();
        (!publishers.is_empty() && !is_from_elsewhere).then_some(publishers)
    }

    /// Two events of a join, if they come after different outcomes of one step.
    fn join(&self, node: &Node<'_>) -> Option<Problem> {
        let on = &node.step.on;
        let before = on.iter().map(|event| self.before_event(*event));
        let before: Vec<Outcomes> = before.collect::<Option<_>>()?;
        for (first, done) in on.iter().zip(&before) {
            for (other, refused) in on.iter().zip(&before) {
                let mut done = done.iter().filter(|(_, is_done)| *is_done);
                let Some((at, _)) = done.find(|(at, _)| refused.contains(&(*at, false))) else {
                    continue;
                };
                let by = &self.nodes[*at];
                return Some(Problem {
                    rule: &catalogue::JOIN_COMPLETE,
                    service: node.service.to_owned(),
                    of: node.step.name.to_owned(),
                    detail: format!(
                        "{}.{} waits for {first}, which comes after {}.{} is done, and for {other}, which comes \
                         after it refuses: declare a step for each",
                        node.service, node.step.name, by.service, by.step.name
                    ),
                });
            }
        }
        None
    }
}
