//! The contracts of a system as JSON, and edits of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cargo;

pub(crate) struct Contracts {
    pub(crate) system: &'static str,
    pub(crate) services: BTreeMap<String, Value>,
}

/// One change of a service's contract.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    /// At a JSON pointer; after the last item of an array if it ends with `/-`.
    Set(String, String, Value),
    Remove(String, String),
    /// Everywhere in the contract.
    Rename(String, String, String),
}

/// A step with the place of its declaration.
pub(crate) struct StepAt<'a> {
    pub(crate) service: &'a str,
    pub(crate) saga: &'a Value,
    pub(crate) part: String,
    pub(crate) pointer: String,
    pub(crate) step: &'a Value,
}

impl StepAt<'_> {
    pub(crate) fn on(&self) -> impl Iterator<Item = &str> {
        texts(&self.step["on"])
    }

    pub(crate) fn is(&self, kinds: &[&str]) -> bool {
        kinds.iter().any(|kind| self.step["kind"] == *kind)
    }
}

pub(crate) fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

pub(crate) fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

impl Contracts {
    pub(crate) fn read(system: &'static str) -> Result<Self> {
        let folder = cargo::root().join("docs/contracts").join(system);
        let cannot = || format!("cannot read {}", folder.display());
        let mut services = BTreeMap::new();
        for file in fs::read_dir(&folder).with_context(cannot)? {
            let text =
                fs::read_to_string(file.with_context(cannot)?.path()).with_context(cannot)?;
            let contract: Value = serde_json::from_str(&text).with_context(cannot)?;
            services
                .insert(contract["service"].as_str().with_context(cannot)?.to_owned(), contract);
        }
        Ok(Self { system, services })
    }

    /// Into a folder that then has nothing else.
    pub(crate) fn write(&self, folder: &Path, edits: &[Edit]) -> Result<()> {
        let cannot = || format!("cannot write {}", folder.display());
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(cannot)?;
        }
        fs::create_dir_all(folder).with_context(cannot)?;
        let mut services = self.services.clone();
        for edit in edits {
            edit.apply(&mut services).with_context(|| format!("cannot apply {edit:?}"))?;
        }
        for (service, contract) in services {
            fs::write(folder.join(format!("{service}.json")), contract.to_string())
                .with_context(cannot)?;
        }
        Ok(())
    }

    /// The parts in sagas, with their pointers.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&str, String, &Value)> {
        self.services.iter().flat_map(|(service, contract)| {
            let parts = items(&contract["sagas"]).enumerate();
            parts.map(move |(at, part)| (service.as_str(), format!("/sagas/{at}"), part))
        })
    }

    pub(crate) fn steps(&self) -> impl Iterator<Item = StepAt<'_>> {
        self.parts().flat_map(|(service, part, saga)| {
            let steps = items(&saga["steps"]).enumerate();
            steps.map(move |(at, step)| {
                let (pointer, part) = (format!("{part}/steps/{at}"), part.clone());
                StepAt { service, saga, part, pointer, step }
            })
        })
    }

    /// The events that a service's contract lists, with their pointers.
    pub(crate) fn events(&self) -> impl Iterator<Item = (&str, &str, String, &Value)> {
        self.services.iter().flat_map(|(service, contract)| {
            let events = items(&contract["events"]).enumerate();
            events.filter_map(move |(at, event)| {
                let pointer = format!("/events/{at}");
                Some((service.as_str(), event["name"].as_str()?, pointer, event))
            })
        })
    }

    /// Lets a service know an event as its publisher does, if it does not know it.
    pub(crate) fn know(&self, service: &str, event: &str) -> Option<Edit> {
        if self.events().any(|(of, name, ..)| of == service && name == event) {
            return None;
        }
        let (_, _, _, lines) =
            self.events().find(|(of, name, ..)| event.starts_with(of) && *name == event)?;
        let mut lines = lines.clone();
        lines.as_object_mut()?.remove("keys");
        Some(Edit::Set(service.to_owned(), "/events/-".to_owned(), lines))
    }
}

impl Edit {
    fn service(&self) -> &str {
        match self {
            Self::Set(service, ..) | Self::Remove(service, _) | Self::Rename(service, ..) => {
                service
            }
        }
    }

    fn apply(&self, services: &mut BTreeMap<String, Value>) -> Option<()> {
        let contract = services.get_mut(self.service())?;
        let (pointer, value) = match self {
            Self::Rename(_, from, to) => {
                *contract = serde_json::from_str(&contract.to_string().replace(from, to)).ok()?;
                return Some(());
            }
            Self::Set(_, pointer, value) => (pointer, Some(value.clone())),
            Self::Remove(_, pointer) => (pointer, None),
        };
        let (parent, last) = pointer.rsplit_once('/')?;
        // An empty list is not written in a contract.
        if last == "-" && contract.pointer(parent).is_none() {
            let (above, list) = parent.rsplit_once('/')?;
            contract
                .pointer_mut(above)?
                .as_object_mut()?
                .insert(list.to_owned(), Value::Array(Vec::new()));
        }
        match (contract.pointer_mut(parent)?, value) {
            (Value::Object(fields), Some(value)) => drop(fields.insert(last.to_owned(), value)),
            (Value::Object(fields), None) => drop(fields.remove(last)?),
            (Value::Array(list), Some(value)) if last == "-" => list.push(value),
            (Value::Array(list), Some(value)) => {
                *list.get_mut(last.parse::<usize>().ok()?)? = value;
            }
            (Value::Array(list), None) => {
                let at: usize = last.parse().ok()?;
                (at < list.len()).then(|| list.remove(at))?;
            }
            _ => return None,
        }
        Some(())
    }
}
