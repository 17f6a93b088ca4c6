//! The flaws found so far, and the edits that make one.

use serde_json::Value;

use crate::flaws::contracts::{Contracts, Edit};

pub(crate) struct Declaration {
    pub(crate) kind: &'static str,
    pub(crate) system: &'static str,
    pub(crate) place: String,
    /// The things that it is about. A finding has to name one of them.
    pub(crate) names: Vec<String>,
    pub(crate) edits: Vec<Edit>,
    /// Whether it is one only for who knows what was before.
    pub(crate) is_change: bool,
}

pub(super) struct FoundFlaws<'a> {
    pub(super) contracts: &'a Contracts,
    pub(super) all: Vec<Declaration>,
}

impl FoundFlaws<'_> {
    pub(super) fn add(
        &mut self,
        kind: &'static str,
        place: impl Into<String>,
        names: &[&str],
        edits: impl IntoIterator<Item = Edit>,
    ) {
        self.all.push(Declaration {
            kind,
            system: self.contracts.system,
            place: place.into(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            edits: edits.into_iter().collect(),
            is_change: false,
        });
    }
}

pub(super) fn set(service: &str, pointer: &str, value: impl Into<Value>) -> Edit {
    Edit::Set(service.to_owned(), pointer.to_owned(), value.into())
}

pub(super) fn remove(service: &str, pointer: &str) -> Edit {
    Edit::Remove(service.to_owned(), pointer.to_owned())
}

pub(super) fn rename(service: &str, from: &str, to: &str) -> Edit {
    Edit::Rename(service.to_owned(), format!("\"{from}\""), format!("\"{to}\""))
}

/// Declares an event with another's body.
pub(super) fn like(found: &FoundFlaws<'_>, service: &str, event: &str, name: &str) -> Option<Edit> {
    let mut events = found.contracts.events();
    let (.., lines) = events.find(|(of, known, ..)| *of == service && *known == event)?;
    let lines = merged(lines, &serde_json::json!({ "name": name, "keys": [] }));
    Some(set(service, "/events/-", lines))
}

pub(super) fn merged(value: &Value, more: &Value) -> Value {
    let mut value = value.clone();
    if let (Some(fields), Some(more)) = (value.as_object_mut(), more.as_object()) {
        fields.extend(more.clone());
    }
    value
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
