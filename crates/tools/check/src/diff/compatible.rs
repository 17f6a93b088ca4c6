//! The changes that contracts show, whether they break a service or not.

use std::collections::BTreeSet;

use ballet_core::personal::PERSONAL;
use ballet_core::{EventType, Key, Part};
use serde_json::Value;

use crate::contracts::bodies::BodyType;
use crate::diff::change::{ChangeRule, ContractChange};
use crate::diff::events::role_name;
use crate::diff::promise::{Promise, Promises};

pub(super) fn changes(old: &Promises, new: &Promises) -> Vec<ContractChange> {
    let mut found = Vec::new();
    for service in old.names().union(&new.names()) {
        match (old.service(service), new.service(service)) {
            (Some(before), Some(after)) => {
                let mut list = ChangeList { service, found: &mut found };
                list.events(before, after);
                list.telemetry(before, after);
                list.parts(&before.part, &after.part);
            }
            (before, _) => {
                let (rule, what) = match before {
                    None => (ChangeRule::Added, "the service is new"),
                    Some(_) => (ChangeRule::Removed, "the service is gone"),
                };
                found.push(ContractChange::new(*service, rule, *service, what));
            }
        }
    }
    found
}

struct ChangeList<'a> {
    service: &'a str,
    found: &'a mut Vec<ContractChange>,
}

impl ChangeList<'_> {
    fn add(&mut self, subject: &str, rule: ChangeRule, what: &str) {
        self.found.push(ContractChange::new(subject, rule, self.service, what));
    }

    fn add_field(&mut self, subject: &str, field: &str, rule: ChangeRule, what: &str) {
        let change = ContractChange::new(subject, rule, self.service, what);
        self.found.push(ContractChange { field: field.to_owned(), ..change });
    }

    fn events(&mut self, before: &Promise, after: &Promise) {
        let verb = |promise: &Promise, event| {
            if promise.part.emits().contains(&event) { "publishes" } else { "consumes" }
        };
        for event in before.events().filter(|event| after.event(*event).is_none()) {
            let what = format!("{} {} it no more", self.service, verb(before, event));
            self.add(event.name(), ChangeRule::Removed, &what);
        }
        for event in after.events() {
            let Some(was) = before.event(event) else {
                let what = format!("{} {} it", self.service, verb(after, event));
                self.add(event.name(), ChangeRule::Added, &what);
                continue;
            };
            self.declaration(was, event);
            self.keys(event, &before.keys(event), &after.keys(event));
            let what = BodyType::Event(event);
            let (Some(one), Some(other)) = (before.schema(what), after.schema(what)) else {
                continue;
            };
            self.body(event.name(), verb(after, event), one, other);
        }
    }

    fn telemetry(&mut self, before: &Promise, after: &Promise) {
        let service = self.service;
        let writes = |promise: &Promise, name| promise.writes(BodyType::Telemetry(name)).is_some();
        let verb =
            |promise: &Promise, name| if writes(promise, name) { "publishes" } else { "reads" };
        for was in before.telemetry() {
            let name = was.name();
            let Some(is) = after.telemetry().find(|one| one.name() == name) else {
                let what = format!("{service} {} it no more", verb(before, name));
                self.add(name, ChangeRule::Removed, &what);
                continue;
            };
            if was.partition_count() != is.partition_count() {
                self.add(name, ChangeRule::Changed, "it is spread over another number of streams");
            }
            // The publisher's declaration makes the policy.
            let is_kept_here = writes(after, name);
            if is_kept_here && (is.days() < was.days() || is.bytes() < was.bytes()) {
                let what = "its streams keep less: what is older goes, and a reader that is away for longer misses it";
                self.add(name, ChangeRule::Changed, what);
            } else if is_kept_here && (is.days(), is.bytes()) != (was.days(), was.bytes()) {
                self.add(name, ChangeRule::Changed, "its streams keep more");
            }
            let what = BodyType::Telemetry(name);
            if let (Some(one), Some(other)) = (before.schema(what), after.schema(what)) {
                self.body(name, verb(after, name), one, other);
            }
        }
        for is in after.telemetry() {
            let name = is.name();
            if before.telemetry().all(|one| one.name() != name) {
                self.add(name, ChangeRule::Added, &format!("{service} {} it", verb(after, name)));
            }
        }
        self.readers(&before.part, &after.part);
    }

    fn readers(&mut self, before: &Part, after: &Part) {
        let find = |part: &Part, name: &str| {
            part.readers.iter().find(|one| one.name == name).map(|one| one.reads.name())
        };
        for reader in &before.readers {
            let subject = format!("{}.{}", self.service, reader.name);
            match find(after, reader.name) {
                None if reader.in_memory => {
                    self.add(&subject, ChangeRule::Removed, "nothing of it is kept");
                }
                None => {
                    self.add(
                        &subject,
                        ChangeRule::Removed,
                        "the reader is gone, and its place with it",
                    );
                }
                Some(reads) if reads != reader.reads.name() => {
                    let what =
                        format!("it reads {reads}, from its beginning, and not {}", reader.reads);
                    self.add(&subject, ChangeRule::Changed, &what);
                }
                Some(_) => {}
            }
        }
        for reader in after.readers.iter().filter(|one| find(before, one.name).is_none()) {
            let subject = format!("{}.{}", self.service, reader.name);
            let what = if reader.in_memory {
                format!("each process follows {} in memory", reader.reads)
            } else {
                format!("a reader of {}, which begins at its beginning", reader.reads)
            };
            self.add(&subject, ChangeRule::Added, &what);
        }
    }

    fn declaration(&mut self, before: EventType, after: EventType) {
        let producers = after.foreign_producers().iter();
        for producer in producers.filter(|one| !before.foreign_producers().contains(*one)) {
            self.add(after.name(), ChangeRule::Added, &format!("{producer} may publish it"));
        }
        if before.role() != after.role() {
            let what =
                format!("it was {}, and is {}", role_name(before.role()), role_name(after.role()));
            self.add(after.name(), ChangeRule::Changed, &what);
        }
        if before.is_packed() != after.is_packed() {
            let what =
                if after.is_packed() { "it leaves in packs" } else { "it leaves in packs no more" };
            self.add(after.name(), ChangeRule::Changed, what);
        }
    }

    /// Tools find sagas by keys, services do not, so nobody breaks.
    fn keys(&mut self, event: EventType, before: &[Key], after: &[Key]) {
        let words = |key: &Key| {
            let made = if key.is_made_here() { ", and made here" } else { "" };
            format!("the key {} is in `{}`{made}", key.name(), key.field())
        };
        for key in after.iter().filter(|key| !before.contains(key)) {
            self.add(event.name(), ChangeRule::Added, &words(key));
        }
        for key in before.iter().filter(|key| !after.contains(key)) {
            let what = format!("no longer: {}", words(key));
            self.add(event.name(), ChangeRule::Removed, &what);
        }
    }

    /// New, gone or different ones.
    fn body(&mut self, name: &str, verb: &str, before: &Value, after: &Value) {
        let (one, other) = (without_notes(before), without_notes(after));
        if one == other {
            return;
        }
        let of = if verb == "publishes" { "writes" } else { "reads" };
        let names = |schema: &'_ Value| -> BTreeSet<String> {
            let fields = schema["properties"].as_object().into_iter().flatten();
            fields.map(|(field, _)| field.clone()).collect()
        };
        let (had, has) = (names(&one), names(&other));
        for field in has.difference(&had) {
            let what = format!("{} {of} a new field `{field}`", self.service);
            self.add_field(name, field, ChangeRule::Added, &what);
        }
        for field in had.difference(&has) {
            let what = format!("{} {of} no field `{field}` any more", self.service);
            self.add_field(name, field, ChangeRule::Removed, &what);
        }
        let requires = |schema: &Value, field: &str| {
            schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == field))
        };
        let differs = |field: &&String| {
            one["properties"][*field] != other["properties"][*field]
                || requires(&one, field) != requires(&other, field)
        };
        let fields: Vec<&String> = had.intersection(&has).filter(differs).collect();
        for field in &fields {
            let what = format!("{} {of} `{field}` in another form", self.service);
            self.add_field(name, field, ChangeRule::Changed, &what);
        }
        if fields.is_empty() && had == has {
            let what = format!("{} {of} its fields in another form", self.service);
            self.add(name, ChangeRule::Changed, &what);
        }
    }

    fn parts(&mut self, before: &Part, after: &Part) {
        let service = self.service;
        if before.takes_packs != after.takes_packs {
            let what = if after.takes_packs { "it takes packs" } else { "it takes packs no more" };
            self.add(service, ChangeRule::Changed, what);
        }
        for saga in &after.sagas {
            let known = before.sagas.iter().find(|one| one.saga == saga.saga);
            let Some(known) = known else {
                self.add(saga.saga, ChangeRule::Added, &format!("{service} takes part in it"));
                continue;
            };
            for step in &saga.steps {
                let name = format!("{service}.{}", step.name);
                match known.steps.iter().find(|one| one.name == step.name) {
                    None => self.add(&name, ChangeRule::Added, "the step is new"),
                    Some(one) if one != step => {
                        self.add(&name, ChangeRule::Changed, "the step is declared otherwise");
                    }
                    Some(_) => {}
                }
            }
            // The breaking changes have a step that an open saga needs.
            for step in &known.steps {
                if !saga.steps.iter().any(|one| one.name == step.name) {
                    let what = format!("the step is gone: it was of {}", step.versions);
                    self.add(&format!("{service}.{}", step.name), ChangeRule::Removed, &what);
                }
            }
            if known.begins != saga.begins {
                let what =
                    format!("sagas begin under version {}, not {}", saga.begins, known.begins);
                self.add(saga.saga, ChangeRule::Changed, &what);
            }
            if (known.deadline, &known.aborts_on) != (saga.deadline, &saga.aborts_on) {
                self.add(saga.saga, ChangeRule::Changed, "its owner decides it otherwise");
            }
        }
        let names = |part: &Part| -> BTreeSet<(&'static str, EventType)> {
            part.subscriptions.iter().map(|one| (one.name, one.on)).collect()
        };
        for (name, event) in names(after).difference(&names(before)) {
            self.add(
                &format!("{service}.{name}"),
                ChangeRule::Added,
                &format!("a projection of {event}"),
            );
        }
        for (name, event) in names(before).difference(&names(after)) {
            let what = format!("no projection of {event} any more");
            self.add(&format!("{service}.{name}"), ChangeRule::Removed, &what);
        }
        if before.shares != after.shares {
            self.add(service, ChangeRule::Changed, "it shares its entities otherwise");
        }
        if before.copies != after.copies {
            self.add(service, ChangeRule::Changed, "it keeps its copies otherwise");
        }
    }
}

/// Returns a schema without the keywords that only describe it.
fn without_notes(schema: &Value) -> Value {
    match schema {
        Value::Object(object) => {
            let kept = object.iter().filter(|(key, value)| {
                let notes = ["description", "title", "$schema", "examples", "$comment"];
                // A field may have such a name, but its schema is an object, unlike a note.
                !key.starts_with(PERSONAL)
                    && (!notes.contains(&key.as_str()) || value.is_object() || value.is_boolean())
            });
            Value::Object(kept.map(|(key, value)| (key.clone(), without_notes(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_notes).collect()),
        scalar => scalar.clone(),
    }
}
