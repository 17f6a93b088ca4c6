//! The outcome of a run, in a form that can be compared with that of another run.

use std::collections::HashMap;

use ballet::SagaId;

use crate::suite::rig::check_result::{CheckFailure, CheckResult, ensure};

const UUID: usize = 36;

/// The outcome of a run, as lines of text. Names replace the ids, so that runs can be compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RunSnapshot {
    /// Rows that an undone or refused step must not leave.
    pub(crate) effects: Vec<String>,
    /// Other business rows, such as a note of a refusal.
    pub(crate) records: Vec<String>,
    /// The furthest entry of each step, and tombstones.
    pub(crate) ledger: Vec<String>,
    pub(crate) calls: Vec<String>,
    /// Published events, each once by its id.
    pub(crate) events: Vec<String>,
    /// Messages that ended elsewhere: dead letters, retries, unroutable ones.
    pub(crate) astray: Vec<String>,
}

impl RunSnapshot {
    fn parts(&self) -> [(&'static str, &[String]); 6] {
        [
            ("effects", &self.effects),
            ("records", &self.records),
            ("the ledger", &self.ledger),
            ("calls", &self.calls),
            ("events", &self.events),
            ("messages that went astray", &self.astray),
        ]
    }

    fn parts_mut(&mut self) -> [&mut Vec<String>; 6] {
        let Self { effects, records, ledger, calls, events, astray } = self;
        [effects, records, ledger, calls, events, astray]
    }

    /// Sorts everything independently of ids.
    pub(crate) fn named(mut self, sagas: &[SagaId]) -> Self {
        let sagas: IdNames =
            sagas.iter().zip(1..).map(|(id, at)| (id.to_string(), format!("saga{at}"))).collect();
        let mut ids = IdNames::new();
        for part in self.parts_mut() {
            for line in part.iter_mut() {
                *line = rename(line, |id| sagas.get(id).cloned());
            }
            part.sort_by_cached_key(|line| rename(line, |_| Some("id".to_owned())));
            for line in part.iter_mut() {
                *line = rename(line, |id| {
                    let next = format!("id{}", ids.len() + 1);
                    Some(ids.entry(id.to_owned()).or_insert(next).clone())
                });
            }
        }
        self
    }

    pub(crate) fn without(mut self, saga: &str) -> Self {
        for part in self.parts_mut() {
            part.retain(|line| !line.contains(saga));
        }
        self
    }

    pub(crate) fn without_event(mut self, event_type: &str) -> Self {
        self.events.retain(|line| !is_event(line, event_type));
        self
    }

    pub(crate) fn count(&self, event_type: &str) -> usize {
        self.events.iter().filter(|line| is_event(line, event_type)).count()
    }

    /// Counts the sagas with this entry in the ledger.
    pub(crate) fn at(&self, step: &str, entry: &str) -> usize {
        let end = format!(" {step} {entry}");
        self.ledger.iter().filter(|line| line.ends_with(&end)).count()
    }

    pub(crate) fn difference(&self, expected: &Self) -> Option<String> {
        let mut difference = String::new();
        for ((name, found), (_, expected)) in self.parts().into_iter().zip(expected.parts()) {
            if found != expected {
                difference += &format!("\n  {name} should be:{}", list(expected));
                difference += &format!("\n  and are:{}", list(found));
            }
        }
        (!difference.is_empty()).then_some(difference)
    }
}

pub(crate) fn same(found: &RunSnapshot, expected: &RunSnapshot) -> CheckResult {
    match found.difference(expected) {
        None => Ok(()),
        Some(words) => Err(CheckFailure(format!("it differs from the undisturbed run:{words}"))),
    }
}

pub(crate) fn same_effects(found: &RunSnapshot, expected: &RunSnapshot) -> CheckResult {
    ensure(found.effects == expected.effects, || {
        let (should, are) = (list(&expected.effects), list(&found.effects));
        format!(
            "effects should be:{should}\n  and are:{are}\n  rows that may stay are listed by `records`"
        )
    })
}

/// The suite's queries must show the effect of a done step.
pub(crate) fn visible(done: &RunSnapshot, before: &RunSnapshot) -> CheckResult {
    ensure(done.effects != before.effects, || {
        "no effect is visible: the suite's queries do not show what the step does".to_owned()
    })
}

pub(crate) fn nothing_astray(left: &RunSnapshot) -> CheckResult {
    ensure(left.astray.is_empty(), || format!("messages went astray:{}", list(&left.astray)))
}

pub(crate) fn emitted(snapshot: &RunSnapshot, what: &str, event_type: &str) -> CheckResult {
    let count = snapshot.count(event_type);
    ensure(count == 1, || {
        format!("{what}, it emits {event_type} {count} times:{}", list(&snapshot.events))
    })
}

type IdNames = HashMap<String, String>;

fn is_event(line: &str, event_type: &str) -> bool {
    line.split(' ').nth(1) == Some(event_type)
}

/// Indents lines for a failure's text.
pub(crate) fn list(lines: &[String]) -> String {
    if lines.is_empty() {
        return " (none)".to_owned();
    }
    lines.iter().map(|line| format!("\n    {line}")).collect()
}

/// Replaces each UUID that has a name.
fn rename(text: &str, mut name: impl FnMut(&str) -> Option<String>) -> String {
    let mut renamed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let id = rest.get(..UUID).filter(|word| is_uuid(word));
        if let Some(id) = id {
            renamed += &name(id).unwrap_or_else(|| id.to_owned());
            rest = &rest[UUID..];
        } else {
            renamed.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    renamed
}

fn is_uuid(word: &str) -> bool {
    word.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && word.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(saga: SagaId, other: &str) -> RunSnapshot {
        RunSnapshot {
            effects: vec![format!("stock (ü,{other})"), format!("order ({saga})")],
            events: vec![format!("{saga} a.b.v1 {{\"id\":\"{other}\"}}")],
            ..RunSnapshot::default()
        }
    }

    #[test]
    fn two_runs_with_different_ids_can_be_compared() {
        let saga = |number: u64| {
            format!("0193f7a0-0000-7000-8000-{number:012}").parse::<SagaId>().expect("an id")
        };
        let one = seen(saga(1), "0193f7a0-0000-7000-8000-000000000009").named(&[saga(1)]);
        let two = seen(saga(2), "f193f7a0-0000-7000-8000-000000000009").named(&[saga(2)]);
        assert_eq!(one.effects, ["order (saga1)", "stock (ü,id1)"]);
        assert_eq!(one.events, [r#"saga1 a.b.v1 {"id":"id1"}"#]);
        assert_eq!(one.count("a.b.v1"), 1);
        assert_eq!(two.difference(&one), None);
        let differs = two.clone().without_event("a.b.v1").difference(&one).expect("a difference");
        assert!(differs.contains("events should be:\n    saga1 a.b.v1"), "{differs}");
        assert!(differs.contains("and are: (none)"), "{differs}");
    }
}
