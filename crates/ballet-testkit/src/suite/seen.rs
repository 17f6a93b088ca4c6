//! What can be seen of a service after something happened, in a form that two runs share.

use std::collections::HashMap;

use ballet::SagaId;

/// Length of a UUID's text.
const UUID: usize = 36;

/// What a run left behind, as lines of text. Ids are replaced by names, so that runs with other
/// sagas and other new ids can be compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// What counts: rows that an undone or refused step must not leave.
    pub(super) effects: Vec<String>,
    /// Other business rows: what is written down of what happened.
    pub(super) records: Vec<String>,
    /// The furthest entry of each step, and tombstones.
    pub(super) ledger: Vec<String>,
    /// Calls to the outside.
    pub(super) calls: Vec<String>,
    /// Published events, each once by its id.
    pub(super) events: Vec<String>,
    /// Messages that ended elsewhere: dead, put off, or without a way.
    pub(super) astray: Vec<String>,
}

impl Seen {
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

    /// Puts names in the place of ids, and everything into an order that does not depend on them.
    pub(super) fn named(mut self, sagas: &[SagaId]) -> Self {
        let sagas: Names =
            sagas.iter().zip(1..).map(|(id, at)| (id.to_string(), format!("saga{at}"))).collect();
        let mut ids = Names::new();
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

    /// Leaves out everything about one saga.
    pub(super) fn without(mut self, saga: &str) -> Self {
        for part in self.parts_mut() {
            part.retain(|line| !line.contains(saga));
        }
        self
    }

    /// Leaves out the events of one type.
    pub(super) fn without_event(mut self, event_type: &str) -> Self {
        self.events.retain(|line| !is_event(line, event_type));
        self
    }

    /// How many events of one type there are.
    pub(super) fn count(&self, event_type: &str) -> usize {
        self.events.iter().filter(|line| is_event(line, event_type)).count()
    }

    /// How many steps of that name have got to this entry.
    pub(super) fn at(&self, step: &str, entry: &str) -> usize {
        let end = format!(" {step} {entry}");
        self.ledger.iter().filter(|line| line.ends_with(&end)).count()
    }

    /// What differs, in words; nothing if it is the same.
    pub(super) fn differs_from(&self, expected: &Self) -> Option<String> {
        let mut words = String::new();
        for ((name, found), (_, expected)) in self.parts().into_iter().zip(expected.parts()) {
            if found != expected {
                words += &format!("\n  {name} should be:{}", list(expected));
                words += &format!("\n  and are:{}", list(found));
            }
        }
        (!words.is_empty()).then_some(words)
    }
}

type Names = HashMap<String, String>;

fn is_event(line: &str, event_type: &str) -> bool {
    line.split(' ').nth(1) == Some(event_type)
}

/// Lines for people.
pub(super) fn list(lines: &[String]) -> String {
    if lines.is_empty() {
        return " (none)".to_owned();
    }
    lines.iter().map(|line| format!("\n    {line}")).collect()
}

/// Replaces the UUIDs in a text for which there is a name.
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

    fn seen(saga: SagaId, other: &str) -> Seen {
        Seen {
            effects: vec![format!("stock (ü,{other})"), format!("order ({saga})")],
            events: vec![format!("{saga} a.b.v1 {{\"id\":\"{other}\"}}")],
            ..Seen::default()
        }
    }

    #[test]
    fn ids_have_names_by_which_two_runs_can_be_compared() {
        let saga = |number: u64| {
            format!("0193f7a0-0000-7000-8000-{number:012}").parse::<SagaId>().expect("an id")
        };
        let one = seen(saga(1), "0193f7a0-0000-7000-8000-000000000009").named(&[saga(1)]);
        let two = seen(saga(2), "f193f7a0-0000-7000-8000-000000000009").named(&[saga(2)]);
        assert_eq!(one.effects, ["order (saga1)", "stock (ü,id1)"]);
        assert_eq!(one.events, [r#"saga1 a.b.v1 {"id":"id1"}"#]);
        assert_eq!(one.count("a.b.v1"), 1);
        assert_eq!(two.differs_from(&one), None);
        let differs = two.clone().without_event("a.b.v1").differs_from(&one).expect("a difference");
        assert!(differs.contains("events should be:\n    saga1 a.b.v1"), "{differs}");
        assert!(differs.contains("and are: (none)"), "{differs}");
    }
}
