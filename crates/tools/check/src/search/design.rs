//! One version of a saga as a search takes it: numbered services, steps and events. What repeats under keys is there
//! twice.

use std::collections::{BTreeMap, BTreeSet};

use ballet_core::graph::{Node, upstream};
use ballet_core::{EventType, Graph, SagaPart, StepKind, StepPart, System};

use crate::search::outside::Outside;
use crate::search::state::OF_STEP;

/// The repetitions of a step under different keys.
const KEYS: usize = 2;

pub(super) struct Design<'a> {
    pub(super) services: Vec<Service<'a>>,
    pub(super) steps: Vec<Step<'a>>,
    pub(super) events: Vec<Event>,
    pub(super) repeated: Vec<Repeated>,
    /// The place of the service that owns the saga. `None` if its contract is not there.
    pub(super) owner: Option<usize>,
    /// The event with which a deadline passes.
    pub(super) passed: Option<usize>,
    /// The bits that a state needs.
    pub(super) bits: usize,
}

pub(super) struct Service<'a> {
    pub(super) name: &'static str,
    pub(super) part: &'a SagaPart,
    pub(super) abort: Option<usize>,
    pub(super) aborts_on: Vec<usize>,
    pub(super) steps: Vec<usize>,
    /// The bit of its tombstone.
    pub(super) tombstone: usize,
}

pub(super) struct Step<'a> {
    pub(super) service: usize,
    pub(super) part: &'a StepPart,
    pub(super) on: Vec<JoinPart>,
    pub(super) done: usize,
    pub(super) refused: Option<usize>,
    pub(super) compensated: Option<usize>,
    pub(super) taken_back_by: Vec<usize>,
    pub(super) repeats: bool,
}

/// A step under all keys that are looked at, which something begins anew. When all were taken back, a run waits for the
/// next one.
pub(super) struct Repeated {
    pub(super) steps: Vec<usize>,
    /// The steps of which one has to be done for that. Nothing if it begins from outside.
    pub(super) asked_by: Vec<usize>,
    /// The events that may follow it.
    pub(super) leads_to: BTreeSet<usize>,
}

/// A trigger of a step: any of these events.
pub(super) struct JoinPart {
    pub(super) events: Vec<usize>,
    /// The bit that says that one has arrived.
    pub(super) arrived: usize,
}

pub(super) struct Event {
    pub(super) event: EventType,
    /// The bit that says that it was published.
    pub(super) published: usize,
    pub(super) outside: Option<Outside>,
}

impl<'a> Design<'a> {
    /// `graph` has the saga in one version, `system` all sagas.
    pub(super) fn new(system: &System, graph: &'a Graph, saga: &str) -> Self {
        let nodes = graph.nodes(saga);
        let copies = Copies::of(&nodes);
        let mut numbers = Numbers::default();
        let (mut services, mut steps) = (Vec::new(), Vec::new());
        let mut of_node = vec![Vec::new(); nodes.len()];
        for part in &graph.system().parts {
            for saga in &part.sagas {
                let first = steps.len();
                for (at, node) in
                    nodes.iter().enumerate().filter(|(_, node)| node.service == part.service)
                {
                    for copy in 0..copies.steps[at] {
                        of_node[at].push(steps.len());
                        let is_next = is_asked_again(&nodes, at);
                        steps.push(numbers.step(
                            services.len(),
                            node.step,
                            &copies,
                            (copy, is_next),
                        ));
                    }
                }
                let aborts_on =
                    saga.aborts_on.iter().flat_map(|event| numbers.all(*event, &copies));
                let aborts_on = aborts_on.collect();
                let abort = saga.abort.map(|event| numbers.one(event, &copies, 0));
                let (steps, tombstone) = ((first..steps.len()).collect(), 0);
                services.push(Service {
                    name: part.service,
                    part: saga,
                    abort,
                    aborts_on,
                    steps,
                    tombstone,
                });
            }
        }
        let owner =
            services.iter().position(|service: &Service<'_>| service.part.owner == service.name);
        let deadline = owner.and_then(|owner| services[owner].part.deadline);
        let passed = deadline.map(|deadline| numbers.one(deadline.passed, &copies, 0));
        let event = |(event, _): &(EventType, usize)| Event {
            event: *event,
            published: 0,
            outside: Outside::of(system, &nodes, &of_node, *event),
        };
        let events = numbers.0.iter().map(event).collect();
        let repeated = Vec::new();
        let mut design = Self { services, steps, events, repeated, owner, passed, bits: 0 };
        design.repeated = design.begun_anew(&of_node);
        design.lay_out();
        design
    }

    /// Gives each fact of a state its bit.
    fn lay_out(&mut self) {
        let mut bits = self.steps.len() * OF_STEP;
        let mut next = || {
            bits += 1;
            bits - 1
        };
        self.events.iter_mut().for_each(|event| event.published = next());
        self.services.iter_mut().for_each(|service| service.tombstone = next());
        for step in self.steps.iter_mut().filter(|step| step.on.len() > 1) {
            step.on.iter_mut().for_each(|part| part.arrived = next());
        }
        self.bits = bits;
    }

    pub(super) fn name(&self, step: usize) -> String {
        let step = &self.steps[step];
        format!("{}.{}", self.services[step.service].name, step.part.name)
    }

    pub(super) fn has_decision(&self) -> bool {
        self.steps.iter().any(|step| step.part.kind == StepKind::Decision)
    }

    /// Whether a step waits for this event, or is taken back by it.
    pub(super) fn is_heeded(&self, event: usize) -> bool {
        self.steps.iter().any(|step| {
            step.taken_back_by.contains(&event)
                || step.on.iter().any(|part| part.events.contains(&event))
        })
    }
}

/// How often each step and event is there.
struct Copies {
    steps: Vec<usize>,
    events: BTreeMap<EventType, usize>,
}

impl Copies {
    /// A step that can be taken back by its key repeats, and so does what follows on its events, until a join or a
    /// decision.
    fn of(nodes: &[Node<'_>]) -> Self {
        let mut all = Self { steps: vec![1; nodes.len()], events: BTreeMap::new() };
        // Each round finds those that are one step further away.
        for _ in 0..=nodes.len() {
            all.steps = nodes.iter().map(|node| all.of_step(node.step)).collect();
            for (node, copies) in nodes.iter().zip(&all.steps).filter(|(_, copies)| **copies > 1) {
                let step = node.step;
                let outcomes = [Some(step.done), step.refused, step.compensated];
                let needs = step.on.iter().chain(&step.compensated_by).copied();
                let events = outcomes.into_iter().flatten().chain(needs);
                all.events.extend(events.map(|event| (event, *copies)));
            }
        }
        all
    }

    fn of_step(&self, step: &StepPart) -> usize {
        match (&step.on[..], step.kind) {
            (_, StepKind::Origin | StepKind::Decision) => 1,
            (_, _) if !step.compensated_by.is_empty() => KEYS,
            ([on], _) => self.of_event(*on),
            (_, _) => 1,
        }
    }

    fn of_event(&self, event: EventType) -> usize {
        self.events.get(&event).copied().unwrap_or(1)
    }
}

/// The numbers of the events.
#[derive(Default)]
struct Numbers(Vec<(EventType, usize)>);

impl Numbers {
    /// Returns the number of an event. `copy` is that of the step which needs it.
    fn one(&mut self, event: EventType, copies: &Copies, copy: usize) -> usize {
        let of = (event, copy.min(copies.of_event(event) - 1));
        self.0.iter().position(|known| *known == of).unwrap_or_else(|| {
            self.0.push(of);
            self.0.len() - 1
        })
    }

    fn all(&mut self, event: EventType, copies: &Copies) -> Vec<usize> {
        (0..copies.of_event(event)).map(|copy| self.one(event, copies, copy)).collect()
    }

    fn step<'a>(
        &mut self,
        service: usize,
        part: &'a StepPart,
        copies: &Copies,
        (copy, asks_for_next): (usize, bool),
    ) -> Step<'a> {
        // A step that is there once takes any copy.
        let repeats = copies.of_step(part) > 1;
        let mut all = |event: EventType| match repeats {
            true => vec![self.one(event, copies, copy)],
            false => self.all(event, copies),
        };
        let on = part.on.iter().map(|event| JoinPart { events: all(*event), arrived: 0 }).collect();
        let taken_back_by = part.compensated_by.iter().flat_map(|event| all(*event)).collect();
        let done = self.one(part.done, copies, copy + usize::from(asks_for_next));
        let mut one = |event: EventType| self.one(event, copies, copy);
        let (refused, compensated) = (part.refused.map(&mut one), part.compensated.map(&mut one));
        Step { service, part, on, done, refused, compensated, taken_back_by, repeats }
    }
}

/// Whether a step begins a repetition of another after one has ended, so that its event bears the next key.
fn is_asked_again(nodes: &[Node<'_>], at: usize) -> bool {
    let mut before = upstream(nodes, at);
    before.insert(at);
    nodes.iter().map(|node| node.step).filter(|step| !step.compensated_by.is_empty()).any(|step| {
        let ends = |on: &EventType| step.has_outcome(*on) || step.compensated_by.contains(on);
        step.on.contains(&nodes[at].step.done)
            && before.iter().any(|cause| nodes[*cause].step.on.iter().any(ends))
    })
}
