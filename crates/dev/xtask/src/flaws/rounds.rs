//! Judges flaws of handlers in rounds. Those of one round share a build, and each of them is in a program of its own,
//! which runs while the next round is built. What fails then runs again with nothing beside it.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use crate::flaws::handlers::{Handler, read};
use crate::flaws::judged::Judged;
use crate::flaws::tree::Tree;
use crate::flaws::verdicts::{Finding, Verdict, Verdicts};
use crate::say::say;
use crate::test::programs::{TestProgram, package, program};

/// Programs that run at a time: most of them wait for what they test.
const AT_ONCE: usize = 4;
/// Flaws that are judged with the same servers.
const WITH_SERVERS: usize = 32;
const LINT: &str = "clippy::disallowed_methods";

/// Tests that judge flaws.
struct Judge {
    name: &'static str,
    /// The package with the tests.
    package: fn(&Handler) -> &str,
    /// Those of its tests whose names have this text, `SERVICE` being the flaw's.
    only: &'static str,
    /// Of two flaws of the same, one is judged in the next round.
    apart: fn(&Handler) -> &str,
}

/// The quickest are first. A new one is one line.
const JUDGES: [Judge; 3] = [
    Judge { name: "tests of the service", package: service, only: "", apart: service },
    Judge { name: "matrix", package: system, only: "commutes::SERVICE::", apart: service },
    Judge { name: "tests of the system", package: system, only: "", apart: system },
];

fn service(flaw: &Handler) -> &str {
    &flaw.service
}

fn system(flaw: &Handler) -> &str {
    flaw.system
}

struct Open {
    flaw: Handler,
    /// Of all that are judged.
    number: usize,
    /// The file with the flaw.
    text: String,
    found: Option<Finding>,
    /// The judges that did not.
    missed: Vec<String>,
}

impl Open {
    fn new(tree: &Tree, flaw: Handler) -> Result<Self> {
        let text = flaw.in_text(&read(&tree.root().join(&flaw.file))?);
        Ok(Self { flaw, number: 0, text, found: None, missed: Vec::new() })
    }

    fn known(&self, verdicts: &Verdicts) -> Option<Verdict> {
        verdicts.of(self.flaw.kind, &self.text)
    }

    fn note(&self, verdicts: &mut Verdicts) -> Result<()> {
        let missed = || Verdict::NotFound(self.missed.clone());
        let verdict = self.found.clone().map_or_else(missed, Verdict::Found);
        verdicts.note(self.flaw.kind, &self.text, &verdict)
    }

    fn say(&self, judge: &str) {
        let what = self.found.as_ref().map_or("not found", |found| found.what.as_str());
        say(&format!("{judge}: {what}: {}, {}", self.flaw.kind, self.flaw.place()));
    }

    fn judged(&self) -> Judged {
        let took = self.found.as_ref().map_or(Duration::ZERO, |found| found.took);
        let by = self.found.clone().map(|Finding { judge, what, .. }| (judge, what));
        Judged { kind: self.flaw.kind, place: self.flaw.place(), by, took }
    }
}

/// Judges the first `number` that compile.
pub(crate) fn judge(
    tree: &mut Tree,
    found: Vec<Handler>,
    number: usize,
    verdicts: Verdicts,
) -> Result<Vec<Judged>> {
    let verdicts = Mutex::new(verdicts);
    let mut chosen = chosen(tree, found, number, &verdicts)?;
    for judge in &JUDGES {
        let is_open = |one: &&mut Open| {
            one.found.is_none() && !one.missed.iter().any(|missed| missed == judge.name)
        };
        let open: Vec<&mut Open> = chosen.iter_mut().filter(is_open).collect();
        if !open.is_empty() {
            say(&format!("{}: {} to judge", judge.name, open.len()));
            note_right(tree, judge, &open)?;
            for part in parts(rounds(open, |one| (judge.apart)(&one.flaw))) {
                all_of(tree, judge, part, &verdicts)?;
                tree.renew_servers()?;
            }
        }
    }
    for one in &chosen {
        one.judged().show(one.number + 1, number);
    }
    Ok(chosen.iter().map(Open::judged).collect())
}

/// Leaves out what does not compile, and asks the lints about what nobody has judged.
fn chosen(
    tree: &Tree,
    found: Vec<Handler>,
    number: usize,
    verdicts: &Mutex<Verdicts>,
) -> Result<Vec<Open>> {
    let (mut waiting, mut chosen, mut unwritable) = (found.into_iter(), Vec::new(), 0);
    loop {
        let next: Vec<Handler> = waiting.by_ref().take(number - chosen.len()).collect();
        if next.is_empty() {
            break;
        }
        let mut new = Vec::new();
        for flaw in next {
            let one = Open::new(tree, flaw)?;
            match one.known(&lock(verdicts)) {
                None => new.push(one),
                Some(Verdict::Unwritable) => unwritable += 1,
                Some(Verdict::NotFound(missed)) => chosen.push(Open { missed, ..one }),
                Some(Verdict::Found(found)) => chosen.push(Open { found: Some(found), ..one }),
            }
        }
        for round in rounds(new, |one| &one.flaw.service) {
            let of_round = round.len();
            let written = lint(tree, round, &mut lock(verdicts))?;
            unwritable += of_round - written.len();
            chosen.extend(written);
            say(&format!("{} compile, {unwritable} do not", chosen.len()));
        }
    }
    chosen.iter_mut().zip(0..).for_each(|(one, at)| one.number = at);
    Ok(chosen)
}

/// The first of each that `apart` tells apart, the second of each, and so on.
fn rounds<T>(all: Vec<T>, apart: impl Fn(&T) -> &str) -> Vec<Vec<T>> {
    let mut rounds: Vec<Vec<T>> = Vec::new();
    for one in all {
        let free = |round: &&mut Vec<T>| round.iter().all(|other| apart(other) != apart(&one));
        match rounds.iter_mut().find(free) {
            Some(round) => round.push(one),
            None => rounds.push(vec![one]),
        }
    }
    rounds
}

/// Rounds that have [`WITH_SERVERS`] together, or the first more.
fn parts<T>(rounds: Vec<Vec<T>>) -> Vec<Vec<Vec<T>>> {
    let mut parts: Vec<Vec<Vec<T>>> = Vec::new();
    for round in rounds {
        let small = |part: &&mut Vec<Vec<T>>| {
            part.iter().map(Vec::len).sum::<usize>() + round.len() <= WITH_SERVERS
        };
        match parts.last_mut().filter(small) {
            Some(part) => part.push(round),
            None => parts.push(vec![round]),
        }
    }
    parts
}

fn lint(tree: &Tree, round: Vec<Open>, verdicts: &mut Verdicts) -> Result<Vec<Open>> {
    let begun = Instant::now();
    let packages: Vec<&str> = round.iter().map(|one| service(&one.flaw)).collect();
    let flaws = round.iter().map(|one| &one.flaw);
    let said = tree.cargo(flaws, &["clippy", "--no-deps", "--keep-going"], &packages)?;
    let took = begun.elapsed() / u32::try_from(round.len())?;
    let of = |flaw: &Handler, is: &dyn Fn(&Value) -> bool| {
        said.iter().any(|message| package(message) == Some(&*flaw.service) && is(message))
    };
    let is_lint = |message: &Value| message["message"]["code"]["code"] == LINT;
    let is_error = |message: &Value| message["message"]["level"] == "error" && !is_lint(message);
    let mut written = Vec::new();
    for mut one in round {
        let flaw = &one.flaw;
        if of(flaw, &is_error) {
            verdicts.note(flaw.kind, &one.text, &Verdict::Unwritable)?;
            continue;
        }
        say(&format!("{}\n- {}\n+ {}", flaw.place(), flaw.before.trim(), flaw.after.trim()));
        if of(flaw, &is_lint) {
            one.found = Some(Finding { judge: "lints".to_owned(), what: LINT.to_owned(), took });
        }
        one.note(verdicts)?;
        one.say("lints");
        written.push(one);
    }
    Ok(written)
}

/// What fails without a flaw judges none.
fn note_right(tree: &mut Tree, judge: &Judge, flaws: &[&mut Open]) -> Result<()> {
    // The matrix is in the tests of the system.
    if !judge.only.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = flaws.iter().map(|one| (judge.package)(&one.flaw)).collect();
    packages.sort_unstable();
    packages.dedup();
    for (_, program) in built(tree, [], &packages)? {
        say(&format!("without a flaw: {}", program.name));
        tree.note_right(&program)?;
    }
    Ok(())
}

type Work<'a> = (&'a mut Open, Vec<TestProgram>);

/// A flaw, its programs from the one with this failure on, and the failure.
type Suspect<'a> = (&'a mut Open, Vec<TestProgram>, String);

/// Builds one round after the other, and runs the programs of those that are built. Then what failed runs alone.
fn all_of(
    tree: &Tree,
    judge: &Judge,
    part: Vec<Vec<&mut Open>>,
    verdicts: &Mutex<Verdicts>,
) -> Result<()> {
    let (hand, work) = sync_channel(AT_ONCE);
    let (work, suspects) = (Mutex::new(work), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        let run = || worker(tree, judge, &work, &suspects, verdicts);
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(run)).collect();
        let built = part.into_iter().try_for_each(|round| build(tree, judge, round, &hand));
        drop(hand);
        let ran = workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        built.and(ran)
    })?;
    let suspects = suspects.into_inner().unwrap_or_else(PoisonError::into_inner);
    suspects.into_iter().try_for_each(|suspect| confirm(tree, judge, suspect, verdicts))
}

fn build<'a>(
    tree: &Tree,
    judge: &Judge,
    round: Vec<&'a mut Open>,
    hand: &SyncSender<Work<'a>>,
) -> Result<()> {
    let packages: Vec<&str> = round.iter().map(|one| (judge.package)(&one.flaw)).collect();
    let built = built(tree, round.iter().map(|one| &one.flaw), &packages)?;
    for one in round {
        let package = (judge.package)(&one.flaw);
        let of = built.iter().filter(|(of, _)| of == package).map(|(_, program)| program);
        let programs = of.map(|program| tree.kept(program, one.number)).collect::<Result<_>>()?;
        // The workers are there until there is no more.
        hand.send((one, programs)).ok();
    }
    Ok(())
}

/// The test programs, each with its package.
fn built<'a>(
    tree: &Tree,
    flaws: impl IntoIterator<Item = &'a Handler>,
    packages: &[&str],
) -> Result<Vec<(String, TestProgram)>> {
    let said = tree.cargo(flaws, &["test", "--no-run", "--no-fail-fast"], packages)?;
    let programs = said.iter().filter_map(|of| Some((package(of)?.to_owned(), program(of)?)));
    Ok(programs.collect())
}

/// Goes on after an error, so that nobody waits for ever to hand work over.
fn worker<'a>(
    tree: &Tree,
    judge: &Judge,
    work: &Mutex<Receiver<Work<'a>>>,
    suspects: &Mutex<Vec<Suspect<'a>>>,
    verdicts: &Mutex<Verdicts>,
) -> Result<()> {
    let next = || lock(work).recv().ok();
    let run = |(one, mut programs): Work<'a>| {
        let only = judge.only.replace("SERVICE", &one.flaw.service);
        let only = (!only.is_empty()).then_some(only);
        programs.iter_mut().for_each(|program| program.args.extend(only.clone()));
        // A package without tests has none.
        while let Some(program) = programs.first() {
            if let Some(test) = tree.first_failure(program, one.number, &[])? {
                lock(suspects).push((one, programs, test));
                return Ok(());
            }
            programs.remove(0);
        }
        judged(tree, judge, one, verdicts)
    };
    std::iter::from_fn(next).map(run).fold(Ok(()), Result::and)
}

/// Looks for a test that fails each time.
fn confirm(
    tree: &Tree,
    judge: &Judge,
    (one, programs, first): Suspect<'_>,
    verdicts: &Mutex<Verdicts>,
) -> Result<()> {
    let mut seen = Some(first);
    for program in &programs {
        if let Some((what, took)) = tree.failure(program, one.number, seen.take())? {
            one.found = Some(Finding { judge: judge.name.to_owned(), what, took });
            break;
        }
    }
    judged(tree, judge, one, verdicts)
}

fn judged(tree: &Tree, judge: &Judge, one: &mut Open, verdicts: &Mutex<Verdicts>) -> Result<()> {
    one.missed.extend(one.found.is_none().then(|| judge.name.to_owned()));
    one.note(&mut lock(verdicts))?;
    tree.forget(one.number)?;
    one.say(judge.name);
    Ok(())
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_has_one_of_each() {
        let rounds = rounds(vec!["a1", "a2", "b1", "a3", "c1"], |one| &one[..1]);
        assert_eq!(rounds, [vec!["a1", "b1", "c1"], vec!["a2"], vec!["a3"]]);
    }
}
