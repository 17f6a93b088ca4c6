//! The moves and the ends of a saga's runs.

use std::collections::BTreeSet;

use ballet_core::{Runs, StepKind};

use crate::search::design::Design;
use crate::search::models::{Action, Condition, Effect, Facts, SagaModel};

pub(super) fn model(name: String, design: &Design<'_>) -> SagaModel {
    let rules = Rules(design);
    let mut moves = Vec::new();
    (0..design.steps.len()).for_each(|at| rules.of_step(at, &mut moves));
    rules.of_owner(&mut moves);
    let of = |sort: Sort| {
        let all = moves.iter().filter(move |one| one.sort == sort);
        Condition::Any(all.map(|one| defined(&format!("Can{}", one.name))).collect())
    };
    let (certain, outside) = (of(Sort::Certain), of(Sort::FromOutside));
    let mut definitions = vec![
        ("Begun".to_owned(), rules.begun()),
        ("Decided".to_owned(), Condition::Any(rules.decided())),
        ("Aborted".to_owned(), rules.aborted()),
    ];
    let mut actions = Vec::new();
    for Move { name, guard, then, .. } in moves {
        definitions.push((format!("Can{name}"), Condition::All(guard)));
        actions.push(Action { name, then });
    }
    let aborted_or = Condition::Any(vec![defined("Aborted"), not(defined("FromOutside"))]);
    let rests = Condition::All(vec![not(defined("Certain")), aborted_or]);
    let last = [
        ("Certain", certain),
        ("FromOutside", outside),
        ("Rests", rests),
        ("EndsWell", Condition::Any(vec![not(defined("Rests")), rules.ends()])),
        ("DecidedOnce", rules.decided_once()),
    ];
    definitions.extend(last.map(|(name, condition)| (name.to_owned(), condition)));
    let steps = (0..design.steps.len()).map(|at| rules.step(at)).collect();
    SagaModel { name, steps, definitions, actions }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Certain,
    FromOutside,
    /// The cancel and the deadline: a run must not need them.
    Ends,
}

struct Move {
    name: String,
    sort: Sort,
    guard: Vec<Condition>,
    then: Effect,
}

struct Rules<'a>(&'a Design<'a>);

impl Rules<'_> {
    fn step(&self, at: usize) -> String {
        let same = |other: &usize| self.0.name(*other) == self.0.name(at);
        format!("{}/{}", self.0.name(at), (0..at).filter(same).count())
    }

    fn event(&self, at: usize) -> String {
        let event = self.0.events[at].event;
        let copy = self.0.events[..at].iter().filter(|other| other.event == event).count();
        format!("{event}/{copy}")
    }

    /// A part of a join.
    fn part(&self, at: usize, number: usize) -> String {
        format!("{}/{number}", self.step(at))
    }

    fn service(&self, at: usize) -> String {
        self.0.services[at].name.to_owned()
    }

    fn entry(&self, at: usize, entry: &'static str) -> Condition {
        Condition::Entry(self.step(at), entry)
    }

    fn is_out(&self, event: usize) -> Condition {
        Condition::Has(Facts::Out, self.event(event))
    }

    fn came(&self, events: &[usize]) -> Condition {
        Condition::Any(events.iter().map(|at| self.is_out(*at)).collect())
    }

    fn has_arrived(&self, at: usize, number: usize) -> Condition {
        Condition::Has(Facts::Arrived, self.part(at, number))
    }

    fn is_buried(&self, service: usize) -> Condition {
        Condition::Has(Facts::Tomb, self.service(service))
    }

    fn is_back(&self, at: usize) -> Condition {
        Condition::Has(Facts::Back, self.step(at))
    }

    fn begun(&self) -> Condition {
        let origins = self.0.of_kind(StepKind::Origin);
        let begun: Vec<_> = origins.map(|at| not(self.entry(at, "nothing"))).collect();
        if begun.is_empty() { Condition::All(begun) } else { Condition::Any(begun) }
    }

    fn decided(&self) -> Vec<Condition> {
        self.0.of_kind(StepKind::Decision).map(|at| self.entry(at, "done")).collect()
    }

    fn aborted(&self) -> Condition {
        let aborts = self.0.services.iter().filter_map(|service| service.abort);
        self.came(&aborts.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>())
    }

    fn decided_once(&self) -> Condition {
        let both = |one, other| not(Condition::All(vec![one, other]));
        let mut once = vec![both(defined("Decided"), defined("Aborted"))];
        let decided = self.decided();
        for (at, one) in decided.iter().enumerate() {
            once.extend(decided[at + 1..].iter().map(|other| both(one.clone(), other.clone())));
        }
        Condition::All(once)
    }

    /// What holds in a run that rests.
    fn ends(&self) -> Condition {
        let design = self.0;
        let can_stay = |at: &usize| {
            !matches!(design.steps[*at].part.kind, StepKind::Origin | StepKind::Decision)
        };
        let left = (0..design.steps.len()).filter(can_stay).map(|at| not(self.entry(at, "done")));
        let aborted = std::iter::once(defined("Aborted")).chain(left).collect();
        let decisions: Vec<usize> = design.of_kind(StepKind::Decision).collect();
        let on = decisions.iter().flat_map(|at| &design.steps[*at].on);
        let mut over: Vec<_> = on.flat_map(|part| self.comes_anew(&part.events)).collect();
        over.push(if decisions.is_empty() {
            Condition::All(Vec::new())
        } else {
            defined("Decided")
        });
        let missing = (0..design.steps.len()).flat_map(|at| self.missing(at));
        let mut completed = vec![not(defined("Aborted")), Condition::Any(over)];
        completed.extend(missing);
        Condition::Any(vec![Condition::All(aborted), Condition::All(completed)])
    }

    fn of_step(&self, at: usize, found: &mut Vec<Move>) {
        let (design, step, name) = (self.0, &self.0.steps[at], self.step(at));
        let buried = self.is_buried(step.service);
        let enter = |entry: &'static str, out: &[usize]| Effect {
            entry: Some((name.clone(), entry)),
            adds: out.iter().map(|event| (Facts::Out, self.event(*event))).collect(),
        };
        let is_free = [not(buried.clone()), not(self.is_back(at))];
        let mut add = |sort, guard, then| {
            found.push(Move { name: format!("{at}_{}", found.len()), sort, guard, then });
        };
        let refused: Vec<usize> = step.refused.into_iter().collect();
        // The owner's own refusal is the abort, unless the run is decided.
        let refuse = |guard: Vec<Condition>| {
            if !design.aborts_by_refusing(at) {
                return vec![(guard, enter("refused", &refused))];
            }
            let mut abort = enter("refused", &refused);
            abort.adds.push((Facts::Tomb, self.service(step.service)));
            let decided = defined("Decided");
            let open = [guard.clone(), vec![not(decided.clone())]].concat();
            let late = [guard, vec![decided]].concat();
            vec![(open, abort), (late, enter("refused", &[]))]
        };
        let mut run = |sort, guard: &[Condition], adds: &[(Facts, String)]| {
            let both = |mut effect: Effect| {
                effect.adds.extend_from_slice(adds);
                effect
            };
            if step.part.runs.is_answered_later() {
                add(sort, guard.to_vec(), both(enter("calling", &[])));
                return;
            }
            add(sort, guard.to_vec(), both(enter("done", &[step.done])));
            if step.refused.is_some() {
                for (guard, then) in refuse(guard.to_vec()) {
                    add(sort, guard, both(then));
                }
            }
        };
        let mut waits = Vec::new();
        if step.part.kind == StepKind::Origin {
            let on = step.on.first().and_then(|part| part.events.first());
            let out: Vec<_> =
                on.into_iter().map(|event| (Facts::Out, self.event(*event))).collect();
            run(Sort::FromOutside, &[not(defined("Begun"))], &out);
        } else {
            let open = [vec![self.entry(at, "nothing")], is_free.to_vec()].concat();
            for (number, one) in step.on.iter().enumerate() {
                let open = [open.clone(), vec![self.came(&one.events)]].concat();
                if step.on.len() == 1 {
                    run(Sort::Certain, &open, &[]);
                    continue;
                }
                let others = (0..step.on.len()).filter(|other| *other != number);
                let others =
                    Condition::All(others.map(|other| self.has_arrived(at, other)).collect());
                let arrived = [(Facts::Arrived, self.part(at, number))];
                let guard = [open, vec![not(self.has_arrived(at, number))]].concat();
                run(Sort::Certain, &[guard.clone(), vec![others.clone()]].concat(), &arrived);
                let waiting = Effect { entry: None, adds: arrived.to_vec() };
                waits.push(([guard, vec![not(others)]].concat(), waiting));
            }
        }
        let mut add = |guard: Vec<Condition>, then| {
            let name = format!("{at}_{}", found.len());
            found.push(Move { name, sort: Sort::Certain, guard, then });
        };
        waits.into_iter().for_each(|(guard, arrived)| add(guard, arrived));
        let asked = |more: &[Condition]| [&[self.entry(at, "calling")], more].concat();
        if step.part.runs.is_answered_later() {
            add(asked(&is_free), enter("done", &[step.done]));
            let is_taken = [not(Condition::All(is_free.to_vec()))];
            add(asked(&is_taken), enter("done", &[]));
            add(asked(&is_taken), enter("refused", &[]));
            if step.refused.is_some() {
                refuse(asked(&is_free)).into_iter().for_each(|(guard, then)| add(guard, then));
            }
        }
        for event in &step.taken_back_by {
            let guard = [&[self.is_out(*event)], &is_free[..]].concat();
            add(guard, Effect { entry: None, adds: vec![(Facts::Back, name.clone())] });
        }
        let compensated: Vec<usize> = step.compensated.into_iter().collect();
        let calls = step.part.runs == Runs::CallsOutside;
        let begun = if calls { enter("undoing", &[]) } else { enter("undone", &compensated) };
        let done = self.entry(at, "done");
        if step.part.kind.can_be_compensated() {
            let calling = |other: &usize| {
                [not(self.entry(*other, "calling")), not(self.entry(*other, "undoing"))]
            };
            let steps = &design.services[step.service].steps;
            let rest = steps.iter().flat_map(calling);
            let guard = [done.clone(), buried.clone()].into_iter().chain(rest).collect();
            add(guard, begun.clone());
        }
        if !step.taken_back_by.is_empty() {
            add(vec![done, self.is_back(at), not(buried)], begun);
        }
        if calls {
            add(vec![self.entry(at, "undoing")], enter("undone", &compensated));
        }
    }

    fn of_owner(&self, found: &mut Vec<Move>) {
        let design = self.0;
        let mut add = |sort, guard: Vec<Condition>, then| {
            found.push(Move { name: format!("X_{}", found.len()), sort, guard, then });
        };
        let out = |event: usize| (Facts::Out, self.event(event));
        let bury = |service: usize, abort: Option<usize>| {
            let tomb = (Facts::Tomb, self.service(service));
            Effect { entry: None, adds: abort.map(out).into_iter().chain([tomb]).collect() }
        };
        for (at, service) in design.services.iter().enumerate() {
            let Some(abort) = service.abort else { continue };
            let lives = not(self.is_buried(at));
            if design.owner != Some(at) {
                add(Sort::Certain, vec![lives, self.is_out(abort)], bury(at, None));
                continue;
            }
            let may = vec![lives, defined("Begun"), not(defined("Decided"))];
            let on: Vec<usize> = service.aborts_on.iter().copied().chain(design.passed).collect();
            let refused = [may.clone(), vec![self.came(&on)]].concat();
            add(Sort::Certain, refused, bury(at, Some(abort)));
            add(Sort::Ends, may, bury(at, Some(abort)));
        }
        for (at, event) in design.events.iter().enumerate() {
            let is_new = vec![defined("Begun"), not(self.is_out(at))];
            let then = Effect { entry: None, adds: vec![out(at)] };
            if design.passed == Some(at) {
                let open = vec![not(defined("Decided")), not(defined("Aborted"))];
                add(Sort::Ends, [is_new.clone(), open].concat(), then.clone());
            }
            let Some(outside) = &event.outside else { continue };
            let mut guard = is_new;
            guard.extend(outside.ends_with_decision.then(|| not(defined("Decided"))));
            let said = |other: &usize| outside.ends_with.contains(&design.events[*other].event);
            let said = (0..design.events.len()).filter(said);
            guard.extend(said.map(|other| not(self.is_out(other))));
            guard.extend(outside.after.iter().map(|step| self.is_over(*step)));
            add(Sort::FromOutside, guard, then);
        }
    }

    fn is_over(&self, at: usize) -> Condition {
        let step = &self.0.steps[at];
        let unheeded = step.refused.filter(|event| !self.0.is_heeded(*event));
        let mut refused = vec![self.entry(at, "refused")];
        refused.extend(unheeded.map(|event| not(self.is_out(event))));
        let came = Condition::All(step.on.iter().map(|part| self.came(&part.events)).collect());
        let never = Condition::Any(vec![self.is_back(at), not(came)]);
        Condition::Any(vec![
            self.entry(at, "done"),
            self.entry(at, "undone"),
            Condition::All(refused),
            Condition::All(vec![self.entry(at, "nothing"), never]),
        ])
    }

    /// The conditions in which the next repetition of a step will bring one of these events.
    fn comes_anew<'s>(&'s self, events: &'s [usize]) -> impl Iterator<Item = Condition> + 's {
        self.0.repeated_before(events).map(move |one| {
            let back = one.steps.iter().map(|at| self.is_back(*at));
            let asks = one.asked_by.iter().map(|at| self.entry(*at, "done"));
            let asks = (!one.asked_by.is_empty()).then(|| Condition::Any(asks.collect()));
            Condition::All(back.chain(asks).collect())
        })
    }

    /// The conditions of a run that is not aborted, and misses nothing of this step.
    fn missing(&self, at: usize) -> Vec<Condition> {
        let (design, step) = (self.0, &self.0.steps[at]);
        let mut found = Vec::new();
        let not_refused = || not(self.entry(at, "refused"));
        if let Some(refused) = step.refused.filter(|event| !design.is_heeded(*event)) {
            found.push(Condition::Any(vec![not_refused(), not(self.is_out(refused))]));
        }
        if design.aborts_by_refusing(at) {
            found.push(Condition::Any(vec![not_refused(), self.is_back(at)]));
        }
        let is_decision = step.part.kind == StepKind::Decision;
        if step.on.len() < 2 {
            return found;
        }
        for came in 0..step.on.len() {
            for (other, missing) in step.on.iter().enumerate().filter(|(other, _)| *other != came) {
                if missing.events.iter().all(|event| design.events[*event].outside.is_some()) {
                    continue;
                }
                let mut instead =
                    vec![not(self.has_arrived(at, came)), self.has_arrived(at, other)];
                let with = design.instead_of(at, came, other).into_iter();
                instead.extend(with.map(|with| self.entry(with, "done")));
                instead.extend(self.comes_anew(&missing.events));
                instead.push(not(self.entry(at, "nothing")));
                instead.extend(is_decision.then(|| defined("Decided")));
                found.push(Condition::Any(instead));
            }
        }
        found
    }
}

fn defined(name: &str) -> Condition {
    Condition::Defined(name.to_owned())
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}
