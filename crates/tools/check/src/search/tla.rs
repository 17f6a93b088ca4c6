//! The same design as a module of TLA+, for a second opinion by another checker. Its moves and its ends are written
//! apart from those of the search. What hangs is an invariant here: no move leads back, so a run hangs if and only if
//! some run rests at last without a good end.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ballet_core::{Graph, Runs, StepKind, System};

use crate::search::design::Design;

/// The settings for a checker of the modules, in TLC's form.
pub const SETTINGS: &str = "INIT Init\nNEXT Next\nINVARIANT EndsWell\nINVARIANT DecidedOnce\n";

/// A saga as a module of TLA+.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlaModule {
    /// The module's name, which its file has to have.
    pub name: String,
    /// The module.
    pub text: String,
}

/// Prints each version of each saga as a module of TLA+, with the invariants `EndsWell` and `DecidedOnce`.
#[must_use]
pub fn modules(system: &System) -> Vec<TlaModule> {
    let graph = Graph::new(system.clone());
    let mut all = Vec::new();
    for saga in graph.sagas() {
        for version in graph.versions(saga) {
            let name = format!("{saga}_{version}");
            let graph = graph.in_version(saga, version);
            let text = Printer(&Design::new(system, &graph, saga)).module(&name);
            all.push(TlaModule { name, text });
        }
    }
    all
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Certain,
    FromOutside,
    /// The cancel and the deadline: a run must not need them.
    Ends,
}

struct Action {
    name: String,
    sort: Sort,
    guard: Vec<String>,
    then: Effect,
}

#[derive(Default, Clone)]
struct Effect {
    entry: Option<(String, &'static str)>,
    out: Vec<String>,
    tomb: Option<String>,
    arrived: Option<String>,
    back: Option<String>,
}

struct Printer<'a>(&'a Design<'a>);

impl Printer<'_> {
    fn module(&self, name: &str) -> String {
        let design = self.0;
        let mut actions = Vec::new();
        (0..design.steps.len()).for_each(|at| self.of_step(at, &mut actions));
        self.of_owner(&mut actions);
        let is = |sort: Sort| {
            let all = actions.iter().filter(move |action| action.sort == sort);
            any(&all.map(|action| format!("Can{}", action.name)).collect::<Vec<_>>())
        };
        let entries = |at: &usize, entry: &str| format!("entry[{}] = \"{entry}\"", self.step(*at));
        let of = |kind: StepKind| design.of_kind(kind).collect::<Vec<_>>();
        let decisions = of(StepKind::Decision);
        let begun: Vec<String> = of(StepKind::Origin)
            .iter()
            .map(|at| format!("~({})", entries(at, "nothing")))
            .collect();
        let begun = if begun.is_empty() { "TRUE".to_owned() } else { any(&begun) };
        let decided: Vec<String> = decisions.iter().map(|at| entries(at, "done")).collect();
        let aborts =
            design.services.iter().filter_map(|service| service.abort).map(|at| self.event(at));
        let aborted: BTreeSet<String> = aborts.map(|abort| format!("{abort} \\in out")).collect();
        let mut twice: Vec<String> = vec!["~(Decided /\\ Aborted)".to_owned()];
        for (at, one) in decided.iter().enumerate() {
            twice.extend(decided[at + 1..].iter().map(|other| format!("~({one} /\\ {other})")));
        }
        let can_stay = |at: &usize| {
            !matches!(design.steps[*at].part.kind, StepKind::Origin | StepKind::Decision)
        };
        let left: Vec<String> = (0..design.steps.len())
            .filter(can_stay)
            .map(|at| format!("~({})", entries(&at, "done")))
            .collect();
        let missing: Vec<String> =
            (0..design.steps.len()).flat_map(|at| self.missing(at)).collect();
        let on = decisions.iter().flat_map(|at| &design.steps[*at].on);
        let mut ends: Vec<String> = on.flat_map(|part| self.comes_anew(&part.events)).collect();
        ends.push(if decisions.is_empty() { "TRUE" } else { "Decided" }.to_owned());
        let ends = any(&ends);
        let mut text = format!(
            "---- MODULE {name} ----\n\
             VARIABLES entry, out, tomb, arrived, back\n\
             vars == <<entry, out, tomb, arrived, back>>\n\n\
             Steps == {{{}}}\n\
             Begun == {begun}\n\
             Decided == {}\n\
             Aborted == {}\n\n\
             Init == /\\ entry = [s \\in Steps |-> \"nothing\"]\n        /\\ out = {{}}\n        /\\ tomb = {{}}\n        \
             /\\ arrived = {{}}\n        /\\ back = {{}}\n\n",
            (0..design.steps.len()).map(|at| self.step(at)).collect::<Vec<_>>().join(", "),
            any(&decided),
            any(&aborted.into_iter().collect::<Vec<_>>()),
        );
        // Writing to a text never fails.
        for action in &actions {
            let (name, can, then) = (&action.name, all(&action.guard), action.then.text());
            write!(text, "Can{name} == {can}\nDo{name} ==\n    /\\ Can{name}\n{then}\n").ok();
        }
        let next = actions.iter().map(|action| format!("Do{}", action.name)).collect::<Vec<_>>();
        write!(
            text,
            "Certain == {}\nFromOutside == {}\n\
             Rests == ~Certain /\\ (Aborted \\/ ~FromOutside)\n\
             Next == {}\n        \\/ (Rests /\\ UNCHANGED vars)\n\
             Spec == Init /\\ [][Next]_vars\n\n\
             NothingLeft == {}\n\
             NothingMissing == {}\n\
             EndsWell == Rests => IF Aborted THEN NothingLeft ELSE ({ends} /\\ NothingMissing)\n\
             DecidedOnce == {}\n====\n",
            is(Sort::Certain),
            is(Sort::FromOutside),
            any(&next),
            all(&left),
            all(&missing),
            all(&twice),
        )
        .ok();
        text
    }

    fn step(&self, at: usize) -> String {
        let same = |other: &usize| self.0.name(*other) == self.0.name(at);
        format!("\"{}/{}\"", self.0.name(at), (0..at).filter(same).count())
    }

    fn event(&self, at: usize) -> String {
        let event = self.0.events[at].event;
        let copy = self.0.events[..at].iter().filter(|other| other.event == event).count();
        format!("\"{event}/{copy}\"")
    }

    fn came(&self, events: &[usize]) -> String {
        any(&events.iter().map(|at| format!("{} \\in out", self.event(*at))).collect::<Vec<_>>())
    }

    fn of_step(&self, at: usize, found: &mut Vec<Action>) {
        let (design, step, name) = (self.0, &self.0.steps[at], self.step(at));
        let service = &design.services[step.service];
        let is_buried = format!("\"{}\" \\in tomb", service.name);
        let is_back = format!("{name} \\in back");
        let entry = |entry: &str| format!("entry[{name}] = \"{entry}\"");
        let enter = |entry: &'static str, out: &[usize]| Effect {
            entry: Some((name.clone(), entry)),
            out: out.iter().map(|event| self.event(*event)).collect(),
            ..Effect::default()
        };
        let is_free = [format!("~({is_buried})"), format!("~({is_back})")];
        let mut add = |sort, guard: Vec<String>, then| {
            found.push(Action { name: format!("{at}_{}", found.len()), sort, guard, then });
        };
        let refused: Vec<usize> = step.refused.into_iter().collect();
        // The owner's own refusal is the abort, unless the run is decided.
        let refuse = |guard: Vec<String>| {
            if !design.aborts_by_refusing(at) {
                return vec![(guard, enter("refused", &refused))];
            }
            let tomb = Some(format!("\"{}\"", service.name));
            let abort = Effect { tomb, ..enter("refused", &refused) };
            let with = |more: &str| [guard.clone(), vec![more.to_owned()]].concat();
            vec![(with("~Decided"), abort), (with("Decided"), enter("refused", &[]))]
        };
        let mut run = |sort, guard: &[String], with: &Effect| {
            let both = |effect: Effect| Effect {
                out: [effect.out, with.out.clone()].concat(),
                arrived: with.arrived.clone(),
                ..effect
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
            let out = on.into_iter().map(|event| self.event(*event)).collect();
            run(Sort::FromOutside, &["~Begun".to_owned()], &Effect { out, ..Effect::default() });
        } else {
            let open = [vec![entry("nothing")], is_free.to_vec()].concat();
            let part = |number: usize| format!("\"{}/{number}\"", name.replace('"', ""));
            for (number, one) in step.on.iter().enumerate() {
                let open = [open.clone(), vec![self.came(&one.events)]].concat();
                if step.on.len() == 1 {
                    run(Sort::Certain, &open, &Effect::default());
                    continue;
                }
                let is_new = format!("{} \\notin arrived", part(number));
                let others = (0..step.on.len()).filter(|other| *other != number);
                let others = all(&others
                    .map(|other| format!("{} \\in arrived", part(other)))
                    .collect::<Vec<_>>());
                let arrived = Effect { arrived: Some(part(number)), ..Effect::default() };
                let guard = [open, vec![is_new]].concat();
                run(Sort::Certain, &[guard.clone(), vec![others.clone()]].concat(), &arrived);
                let guard = [guard, vec![format!("~({others})")]].concat();
                waits.push((guard, arrived));
            }
        }
        let mut add = |guard: Vec<String>, then| {
            found.push(Action {
                name: format!("{at}_{}", found.len()),
                sort: Sort::Certain,
                guard,
                then,
            });
        };
        waits.into_iter().for_each(|(guard, arrived)| add(guard, arrived));
        let asked = |more: &[String]| [vec![entry("calling")], more.to_vec()].concat();
        if step.part.runs.is_answered_later() {
            add(asked(&is_free), enter("done", &[step.done]));
            let is_taken = [format!("~({})", all(&is_free))];
            add(asked(&is_taken), enter("done", &[]));
            add(asked(&is_taken), enter("refused", &[]));
            if step.refused.is_some() {
                refuse(asked(&is_free)).into_iter().for_each(|(guard, then)| add(guard, then));
            }
        }
        for event in &step.taken_back_by {
            let guard =
                [vec![format!("{} \\in out", self.event(*event))], is_free.to_vec()].concat();
            add(guard, Effect { back: Some(name.clone()), ..Effect::default() });
        }
        let compensated: Vec<usize> = step.compensated.into_iter().collect();
        let calls = step.part.runs == Runs::CallsOutside;
        let begun = if calls { enter("undoing", &[]) } else { enter("undone", &compensated) };
        let is_out = service.steps.iter().map(|other| {
            format!("entry[{}] \\notin {{\"calling\", \"undoing\"}}", self.step(*other))
        });
        let rest = all(&is_out.collect::<Vec<_>>());
        if step.part.kind.can_be_compensated() {
            add(vec![entry("done"), is_buried.clone(), rest], begun.clone());
        }
        if !step.taken_back_by.is_empty() {
            add(vec![entry("done"), is_back, format!("~({is_buried})")], begun);
        }
        if calls {
            add(vec![entry("undoing")], enter("undone", &compensated));
        }
    }

    fn of_owner(&self, found: &mut Vec<Action>) {
        let design = self.0;
        let mut add = |sort, guard: Vec<String>, then| {
            found.push(Action { name: format!("X_{}", found.len()), sort, guard, then });
        };
        let bury = |service: usize, out: Option<usize>| Effect {
            tomb: Some(format!("\"{}\"", design.services[service].name)),
            out: out.into_iter().map(|event| self.event(event)).collect(),
            ..Effect::default()
        };
        let lives = |service: usize| format!("\"{}\" \\notin tomb", design.services[service].name);
        for (at, service) in design.services.iter().enumerate() {
            let Some(abort) = service.abort else { continue };
            if design.owner != Some(at) {
                let guard = vec![lives(at), format!("{} \\in out", self.event(abort))];
                add(Sort::Certain, guard, bury(at, None));
                continue;
            }
            let may = vec![lives(at), "Begun".to_owned(), "~Decided".to_owned()];
            let on: Vec<usize> = service.aborts_on.iter().copied().chain(design.passed).collect();
            add(Sort::Certain, [may.clone(), vec![self.came(&on)]].concat(), bury(at, Some(abort)));
            add(Sort::Ends, may, bury(at, Some(abort)));
        }
        for (at, event) in design.events.iter().enumerate() {
            let is_new = vec!["Begun".to_owned(), format!("{} \\notin out", self.event(at))];
            let then = Effect { out: vec![self.event(at)], ..Effect::default() };
            if design.passed == Some(at) {
                let open = vec!["~Decided".to_owned(), "~Aborted".to_owned()];
                add(Sort::Ends, [is_new.clone(), open].concat(), then.clone());
            }
            let Some(outside) = &event.outside else { continue };
            let mut guard = is_new;
            if outside.ends_with_decision {
                guard.push("~Decided".to_owned());
            }
            let said = |other: &usize| outside.ends_with.contains(&design.events[*other].event);
            let said = (0..design.events.len()).filter(said);
            guard.extend(said.map(|other| format!("{} \\notin out", self.event(other))));
            guard.extend(outside.after.iter().map(|step| self.is_over(*step)));
            add(Sort::FromOutside, guard, then);
        }
    }

    fn is_over(&self, at: usize) -> String {
        let (step, name) = (&self.0.steps[at], self.step(at));
        let refused = step.refused.filter(|event| !self.0.is_heeded(*event));
        let refused = refused.map_or_else(
            || "TRUE".to_owned(),
            |event| format!("{} \\notin out", self.event(event)),
        );
        let came = all(&step.on.iter().map(|part| self.came(&part.events)).collect::<Vec<_>>());
        format!(
            "(entry[{name}] \\in {{\"done\", \"undone\"}} \\/ (entry[{name}] = \"refused\" /\\ {refused}) \\/ \
             (entry[{name}] = \"nothing\" /\\ ({name} \\in back \\/ ~({came}))))"
        )
    }

    /// The conditions in which the next repetition of a step will bring one of these events.
    fn comes_anew<'s>(&'s self, events: &'s [usize]) -> impl Iterator<Item = String> + 's {
        self.0.repeated_before(events).map(move |one| {
            let back = one.steps.iter().map(|at| format!("{} \\in back", self.step(*at)));
            let asks =
                one.asked_by.iter().map(|at| format!("entry[{}] = \"done\"", self.step(*at)));
            let asks = (!one.asked_by.is_empty()).then(|| any(&asks.collect::<Vec<_>>()));
            all(&back.chain(asks).collect::<Vec<_>>())
        })
    }

    /// The conditions of a run that is not aborted, and misses nothing of this step.
    fn missing(&self, at: usize) -> Vec<String> {
        let (design, step, name) = (self.0, &self.0.steps[at], self.step(at));
        let mut found = Vec::new();
        if let Some(refused) = step.refused.filter(|event| !design.is_heeded(*event)) {
            let refused = self.event(refused);
            found.push(format!("(entry[{name}] = \"refused\" => {refused} \\notin out)"));
        }
        if design.aborts_by_refusing(at) {
            found.push(format!("(entry[{name}] = \"refused\" => {name} \\in back)"));
        }
        let is_decision = step.part.kind == StepKind::Decision;
        if step.on.len() < 2 {
            return found;
        }
        let part = |number: usize| format!("\"{}/{number}\"", name.replace('"', ""));
        for came in 0..step.on.len() {
            for (other, missing) in step.on.iter().enumerate().filter(|(other, _)| *other != came) {
                if missing.events.iter().all(|event| design.events[*event].outside.is_some()) {
                    continue;
                }
                let with = design.instead_of(at, came, other).into_iter();
                let with = with.map(|with| format!("entry[{}] = \"done\"", self.step(with)));
                let mut instead: Vec<String> = with.collect();
                instead.extend(self.comes_anew(&missing.events));
                instead.push(format!("entry[{name}] # \"nothing\""));
                instead.extend(is_decision.then(|| "Decided".to_owned()));
                found.push(format!(
                    "(({} \\in arrived /\\ {} \\notin arrived) => {})",
                    part(came),
                    part(other),
                    any(&instead)
                ));
            }
        }
        found
    }
}

impl Effect {
    fn text(&self) -> String {
        let (mut text, mut same) = (String::new(), Vec::new());
        let mut line = |name: &str, value: Option<String>| match value {
            Some(value) => text += &format!("    /\\ {name}' = {value}\n"),
            None => same.push(name.to_owned()),
        };
        let entry = self.entry.as_ref();
        line("entry", entry.map(|(step, entry)| format!("[entry EXCEPT ![{step}] = \"{entry}\"]")));
        let out =
            (!self.out.is_empty()).then(|| format!("out \\union {{{}}}", self.out.join(", ")));
        line("out", out);
        let more = |name: &str, one: &Option<String>| {
            one.as_ref().map(|one| format!("{name} \\union {{{one}}}"))
        };
        line("tomb", more("tomb", &self.tomb));
        line("arrived", more("arrived", &self.arrived));
        line("back", more("back", &self.back));
        text + &format!("    /\\ UNCHANGED <<{}>>\n", same.join(", "))
    }
}

fn any(all: &[String]) -> String {
    if all.is_empty() { "FALSE".to_owned() } else { format!("({})", all.join(" \\/ ")) }
}

fn all(all: &[String]) -> String {
    if all.is_empty() { "TRUE".to_owned() } else { format!("({})", all.join(" /\\ ")) }
}
