//! Events that come from elsewhere than a saga's steps, and what their publishers know.

use ballet_core::graph::{Node, upstream};
use ballet_core::{EventType, Part, StepKind, System};

/// An event that comes from elsewhere than the saga's steps.
pub(super) struct Outside {
    pub(super) by: &'static str,
    /// The steps that its publisher knows to be over before it publishes what leads to the decision.
    pub(super) after: Vec<usize>,
    /// Whether its publisher knows of the decision, and asks for nothing afterwards that may be refused.
    pub(super) ends_with_decision: bool,
    /// The events with which its publisher says its last word before the decision, in the same way.
    pub(super) ends_with: Vec<EventType>,
}

impl Outside {
    /// Of a publisher beside the steps is assumed that it knows what its own service does and hears.
    pub(super) fn of(
        system: &System,
        nodes: &[Node<'_>],
        of_node: &[Vec<usize>],
        event: EventType,
    ) -> Option<Self> {
        let is_begun =
            |node: &Node<'_>| node.step.kind == StepKind::Origin && node.step.on.contains(&event);
        if nodes.iter().any(is_begun) {
            return None;
        }
        let free = |by| {
            Some(Self { by, after: Vec::new(), ends_with_decision: false, ends_with: Vec::new() })
        };
        if let Some(by) = event.foreign_producers().first().copied() {
            return free(by);
        }
        let beside = system.parts.iter().find(|part| part.publishes.contains(&event));
        let Some(beside) = beside else {
            let has_it = |part: &Part| part.service == event.service();
            let of_other_saga = |part: &Part| {
                let mut steps = part.sagas.iter().flat_map(|saga| &saga.steps);
                steps.any(|step| step.has_outcome(event))
            };
            let is_ours = nodes.iter().any(|node| node.step.has_outcome(event));
            let is_unknown = !system.parts.iter().any(has_it);
            let comes = is_unknown || !is_ours && system.parts.iter().any(of_other_saga);
            return if comes { free(event.service()) } else { None };
        };
        let takes = |at: usize| nodes[at].step.on.contains(&event);
        let decides = |at: usize| nodes[at].step.kind == StepKind::Decision;
        let leads = |at: usize| takes(at) || upstream(nodes, at).into_iter().any(takes);
        let is_last_word = (0..nodes.len()).any(|at| decides(at) && leads(at));
        let own = |at: &usize| nodes[*at].service == beside.service;
        let hears = |step: usize| {
            (0..nodes.len()).filter(own).any(|at| at == step || upstream(nodes, at).contains(&step))
                || beside.subscriptions.iter().any(|one| one.on == nodes[step].step.done)
        };
        let is_refusable =
            |at: usize| nodes[at].step.refused.is_some() && nodes[at].step.kind != StepKind::Origin;
        let known = |at: &usize| is_last_word && is_refusable(*at) && hears(*at);
        let after = (0..nodes.len()).filter(known).flat_map(|at| of_node[at].clone()).collect();
        let hears_decision = (0..nodes.len()).any(|at| decides(at) && (own(&at) || hears(at)));
        let ends_with_decision =
            hears_decision && (0..nodes.len()).any(|at| takes(at) && is_refusable(at));
        let decided_on =
            (0..nodes.len()).filter(|at| decides(*at)).flat_map(|at| &nodes[at].step.on);
        let is_own = |on: &&EventType| beside.publishes.contains(on);
        let ends_with = match ends_with_decision && !is_last_word {
            true => decided_on.filter(is_own).copied().collect(),
            false => Vec::new(),
        };
        Some(Self { by: beside.service, after, ends_with_decision, ends_with })
    }
}
