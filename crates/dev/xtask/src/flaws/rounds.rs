//! Judges flaws of handlers in rounds. Those of one round share a build, and each of them is in a program of its own.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use crate::flaws::handlers::Handler;
use crate::flaws::judged::Judged;
use crate::flaws::tree::Tree;
use crate::say::say;
use crate::test::programs::{TestProgram, package, program};

/// Programs that run at a time: most of them wait for what they test.
const AT_ONCE: usize = 6;
const LINT: &str = "clippy::disallowed_methods";

/// Tests that judge flaws.
struct TestJudge {
    name: &'static str,
    /// The package with the tests.
    package: fn(&Handler) -> &str,
    /// Those of its tests that know no service but the flaw's.
    only: &'static str,
    /// Of two flaws of the same, one is judged in the next round.
    apart: fn(&Handler) -> &str,
}

/// The quickest are first. A new one is one line.
const TESTS: [TestJudge; 3] = [
    TestJudge { name: "tests of the service", package: service, only: "", apart: service },
    TestJudge { name: "matrix", package: system, only: "commutes::SERVICE::", apart: service },
    TestJudge { name: "tests of the system", package: system, only: "", apart: system },
];

fn service(flaw: &Handler) -> &str {
    &flaw.service
}

fn system(flaw: &Handler) -> &str {
    flaw.system
}

struct Open {
    flaw: Handler,
    by: Option<(&'static str, String)>,
    took: Duration,
}

impl Open {
    fn say(&self, judge: &str) {
        let Self { flaw, by, took } = self;
        let by = by.as_ref().map_or("not found", |(_, what)| what.as_str());
        let took = took.as_secs_f64();
        say(&format!("{judge}: {by}, {took:.1} s: {}, {}", flaw.kind, flaw.place()));
    }

    fn judged(&self) -> Judged {
        Judged {
            kind: self.flaw.kind,
            place: self.flaw.place(),
            by: self.by.clone(),
            took: self.took,
        }
    }
}

/// Judges the first `number` that compile.
pub(crate) fn judge(tree: &mut Tree, found: Vec<Handler>, number: usize) -> Result<Vec<Judged>> {
    let (mut waiting, mut chosen, mut unwritable) = (found.into_iter(), Vec::new(), 0);
    loop {
        let next: Vec<Handler> = waiting.by_ref().take(number - chosen.len()).collect();
        if next.is_empty() {
            break;
        }
        for round in rounds(next, service) {
            let of_round = round.len();
            let written = lint(tree, round)?;
            unwritable += of_round - written.len();
            chosen.extend(written);
            say(&format!("{} compile, {unwritable} do not", chosen.len()));
        }
    }
    for judge in &TESTS {
        note_right(tree, judge, &chosen)?;
        let open = chosen.iter_mut().filter(|one| one.by.is_none()).collect();
        for round in rounds(open, |one: &&mut Open| (judge.apart)(&one.flaw)) {
            let packages: Vec<&str> = round.iter().map(|one| (judge.package)(&one.flaw)).collect();
            let built = built(tree, round.iter().map(|one| &one.flaw), &packages)?;
            for some in rounds(round, |one: &&mut Open| (judge.package)(&one.flaw)) {
                side_by_side(tree, judge, some, &built)?;
            }
        }
    }
    for (at, one) in chosen.iter().enumerate() {
        one.judged().show(at + 1, number);
    }
    Ok(chosen.iter().map(Open::judged).collect())
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

/// Their programs differ: a running one writes a file of its name.
fn side_by_side(
    tree: &Tree,
    judge: &TestJudge,
    open: Vec<&mut Open>,
    built: &[(String, TestProgram)],
) -> Result<()> {
    let waiting = Mutex::new(open);
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
    std::thread::scope(|scope| {
        let work = || std::iter::from_fn(next).try_for_each(|one| run(tree, judge, one, built));
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}

/// Leaves out what does not compile.
fn lint(tree: &Tree, round: Vec<Handler>) -> Result<Vec<Open>> {
    let begun = Instant::now();
    let packages: Vec<&str> = round.iter().map(service).collect();
    let said = tree.cargo(&round, &["clippy", "--no-deps", "--keep-going"], &packages)?;
    let took = begun.elapsed() / u32::try_from(round.len())?;
    let of = |flaw: &Handler, is: &dyn Fn(&Value) -> bool| {
        said.iter().any(|message| package(message) == Some(&*flaw.service) && is(message))
    };
    let is_lint = |message: &Value| message["message"]["code"]["code"] == LINT;
    let is_error = |message: &Value| message["message"]["level"] == "error" && !is_lint(message);
    let mut written = Vec::new();
    for flaw in round {
        if of(&flaw, &is_error) {
            continue;
        }
        let by = of(&flaw, &is_lint).then(|| ("lints", LINT.to_owned()));
        say(&format!("{}\n- {}\n+ {}", flaw.place(), flaw.before.trim(), flaw.after.trim()));
        let one = Open { flaw, by, took };
        one.say("lints");
        written.push(one);
    }
    Ok(written)
}

/// What fails without a flaw judges none.
fn note_right(tree: &mut Tree, judge: &TestJudge, flaws: &[Open]) -> Result<()> {
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

fn run(
    tree: &Tree,
    judge: &TestJudge,
    one: &mut Open,
    built: &[(String, TestProgram)],
) -> Result<()> {
    let (package, only) =
        ((judge.package)(&one.flaw), judge.only.replace("SERVICE", &one.flaw.service));
    // A package without tests has none.
    for (_, program) in built.iter().filter(|(of, _)| of == package) {
        let mut program = program.clone();
        program.args.extend((!only.is_empty()).then(|| only.clone()));
        let (took, failed) = tree.run(&program)?;
        one.took += took;
        if let Some(test) = failed.into_iter().next() {
            one.by = Some((judge.name, test));
            break;
        }
    }
    one.say(judge.name);
    Ok(())
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
