//! Steps and sagas that changed while sagas may be open.

use ballet_core::versions::FIRST;
use ballet_core::{EventType, Graph, SagaPart, StepKind, StepPart};

use crate::contracts::Contracts;
use crate::diff::change::ContractChange;

pub(super) fn changes(old: &Contracts, new: &Contracts) -> Vec<ContractChange> {
    let mut found = Vec::new();
    let graphs = [old, new].map(|contracts| Graph::new(contracts.system().clone()));
    for part in &old.system().parts {
        let after = new.system().parts.iter().find(|after| after.service == part.service);
        for saga in &part.sagas {
            let of_saga =
                after.and_then(|part| part.sagas.iter().find(|one| one.saga == saga.saga));
            let open = open_versions(&graphs, saga.saga);
            let mut sagas =
                SagaChanges { service: part.service, saga, open: &open, found: &mut found };
            if let Some(after) = of_saga {
                sagas.whole(after);
                sagas.aborts(after, &graphs[0]);
            }
            let may_be_open =
                |step: &&StepPart| open.iter().any(|version| step.versions.has(*version));
            for step in saga.steps.iter().filter(may_be_open) {
                let mut steps = of_saga.into_iter().flat_map(|saga| &saga.steps);
                match steps.find(|after| after.name == step.name) {
                    Some(after) => sagas.step(step, after),
                    None => sagas.removed(step),
                }
            }
        }
    }
    for part in &new.system().parts {
        let known = graphs[0].sagas();
        for saga in part.sagas.iter().filter(|saga| known.contains(saga.saga)) {
            let open = open_versions(&graphs, saga.saga);
            let mut sagas =
                SagaChanges { service: part.service, saga, open: &open, found: &mut found };
            sagas.refusals(&graphs[0]);
        }
    }
    found
}

/// Returns the versions of which open sagas have to end: the one under which sagas begin, and the older ones in the new
/// contracts. An older version that is gone was removed on purpose, and none has begun under a later one. Without the
/// owner's contract all may be open.
fn open_versions([old, new]: &[Graph; 2], saga: &str) -> Vec<u32> {
    let (begun, kept) = (old.begun_version(saga), new.versions(saga));
    let is_kept = |version: &u32| *version == begun || (*version < begun && kept.contains(version));
    old.versions(saga).into_iter().filter(is_kept).collect()
}

struct SagaChanges<'a> {
    service: &'static str,
    saga: &'a SagaPart,
    open: &'a [u32],
    found: &'a mut Vec<ContractChange>,
}

impl SagaChanges<'_> {
    fn add(&mut self, subject: String, rule: &'static str, what: String, advice: &str) {
        let change = ContractChange::new(subject, rule, self.service, what);
        let breaks = vec![format!("open sagas of {}", self.saga.saga)];
        self.found.push(change.breaking(breaks, advice));
    }

    fn removed(&mut self, step: &StepPart) {
        let what = if step.kind.can_be_compensated() {
            "the step is gone: what it did cannot be undone any more"
        } else {
            "the step is gone: sagas on their way to it wait for ever"
        };
        self.add(self.name(step), "step_removed", what.to_owned(), &self.beside());
    }

    fn beside(&self) -> String {
        let now = self.open.last().copied().unwrap_or(FIRST);
        format!(
            "keep it with `.until({now}, ..)`, and declare what is new with `.since({}, ..)`: open sagas end as \
             they began; `ballet sagas versions` says when it can go",
            now + 1
        )
    }

    fn step(&mut self, before: &StepPart, after: &StepPart) {
        let same = |one: &[EventType], other: &[EventType]| {
            one.len() == other.len() && one.iter().all(|event| other.contains(event))
        };
        // Each saga may have had another one of the events.
        if !same(&before.on, &after.on) {
            let what =
                format!("it waited for {}, and waits for {}", list(&before.on), list(&after.on));
            self.add(self.name(before), "step_trigger", what, &self.beside());
        }
        let gone =
            |version: &&u32| before.versions.has(**version) && !after.versions.has(**version);
        if let Some(version) = self.open.iter().find(gone) {
            let what = format!(
                "it is of version {version} no more: sagas on their way to it wait for ever"
            );
            self.add(self.name(before), "step_removed", what, &self.beside());
        }
        if before.kind.can_be_compensated() && before.done != after.done {
            let what = format!(
                "its outcome was {}, and is {}: the compensation does not know what the ledger holds",
                before.done, after.done
            );
            self.add(self.name(before), "step_outcome", what, &self.beside());
        }
        if before.runs.is_answered_later() && before.runs != after.runs {
            let what =
                "what is open of it is answered by nobody, and an abort waits for that".to_owned();
            self.add(self.name(before), "step_outcome", what, &self.beside());
        }
        if before.kind == StepKind::Decision && after.kind != StepKind::Decision {
            let what =
                "it decides nothing any more: sagas that it decided could be aborted".to_owned();
            self.add(self.name(before), "saga", what, &self.beside());
        }
        if before.kind.can_be_compensated() && !after.kind.can_be_compensated() {
            let what = "what it did cannot be undone any more".to_owned();
            let advice = "keep the compensation until no saga from before is open";
            self.add(self.name(before), "step_compensation", what, advice);
        }
        for event in before.compensated_by.iter().filter(|one| !after.compensated_by.contains(one))
        {
            let what = format!("{event} does not undo it any more");
            let advice = "keep the compensation until no saga from before is open";
            self.add(self.name(before), "step_compensation", what, advice);
        }
    }

    fn whole(&mut self, after: &SagaPart) {
        let before = self.saga;
        let subject = || before.saga.to_owned();
        let advice = "give the saga that is decided otherwise another name and other events, and let the \
                      open ones end";
        if before.owner != after.owner {
            let what = format!("{} owned it, and {} does", before.owner, after.owner);
            self.add(subject(), "saga", what, advice);
        }
        if let Some(abort) = before.abort.filter(|_| before.abort != after.abort) {
            let what = format!("{abort} does not abort it any more in {}", self.service);
            self.add(subject(), "saga", what, advice);
        }
        let passed = |saga: &SagaPart| saga.deadline.map(|deadline| deadline.passed);
        if let Some(event) = passed(before).filter(|_| passed(before) != passed(after)) {
            let what =
                format!("{event} does not end it any more: a deadline that is set passes unseen");
            let advice = "keep the deadline until no saga from before is open";
            self.add(subject(), "saga", what, advice);
        }
    }

    /// Such an event may be on its way.
    fn aborts(&mut self, after: &SagaPart, old: &Graph) {
        let saga = self.saga;
        let nodes = old.nodes(saga.saga);
        let publishes = |step: &StepPart, event| step.done == event || step.refused == Some(event);
        for event in saga.aborts_on.iter().filter(|event| !after.aborts_on.contains(event)) {
            let by: Vec<_> = nodes.iter().filter(|node| publishes(node.step, *event)).collect();
            if by.iter().any(|node| self.is_open(node.step))
                || !event.foreign_producers().is_empty()
                || old.system().parts.iter().any(|part| part.publishes.contains(event))
            {
                let what = format!("{event} does not abort it any more: one may be on its way");
                let advice = "keep `aborts_on(..)` for it while steps of a version that is there refuse so; a step \
                              that does not any more is one of the next version";
                self.add(saga.saga.to_owned(), "saga", what, advice);
            }
        }
    }

    /// The owner's previous release does not abort on these.
    fn refusals(&mut self, old: &Graph) {
        let saga = self.saga;
        let nodes = old.nodes(saga.saga);
        let parts = old.system().parts.iter().flat_map(|part| &part.sagas);
        let parts = parts.filter(|part| part.saga == saga.saga);
        let aborts_on: Vec<&EventType> =
            parts.flat_map(|part| part.aborts_on.iter().chain(&part.abort)).collect();
        for step in &saga.steps {
            let Some(refused) = step.refused.filter(|_| self.is_open(step)) else { continue };
            let was_there = nodes.iter().any(|node| node.step.refused == Some(refused));
            if !was_there && !aborts_on.contains(&&refused) {
                let what = format!(
                    "it may refuse with {refused}, on which the release that runs does not abort"
                );
                self.add(self.name(step), "saga", what, &self.beside());
            }
        }
    }

    fn is_open(&self, step: &StepPart) -> bool {
        self.open.iter().any(|version| step.versions.has(*version))
    }

    fn name(&self, step: &StepPart) -> String {
        format!("{}.{}", self.service, step.name)
    }
}

fn list(events: &[EventType]) -> String {
    let names: Vec<&str> = events.iter().map(EventType::name).collect();
    if names.is_empty() { "a request from outside".to_owned() } else { names.join(" and ") }
}
