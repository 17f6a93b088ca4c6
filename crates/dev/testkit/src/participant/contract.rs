//! The contract of a participant, as seen from outside.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ballet::core::part::StepPart;
use ballet::core::{EventType, Part, ServiceContract};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

const SAGA: &str = "{saga}";

/// The contract of a program: one compensatable step and its lasting effect.
///
/// In the bodies, `{saga}` stands for the id of the saga. Effects must differ by saga, so that a query finds those of
/// one.
#[derive(Debug, Clone)]
pub struct Contract {
    /// The part that the program declares. Its queue, bindings and permissions follow from it.
    pub part: Part,
    /// The name of the step to try.
    pub step: String,
    /// The bodies of the step's events, by name: its triggers, its events when done, compensated or refused, and the
    /// abort.
    pub bodies: BTreeMap<String, Value>,
    /// The body of the trigger that makes the step refuse, if it may. For a join, the last trigger.
    pub refused_by: Option<Value>,
    /// SQL for rows that must exist before the first message comes. It runs when the program has made its tables.
    pub reference: String,
    /// SQL that makes the step's handler fail while both servers work, to test retries.
    pub trouble: Option<HandlerTrouble>,
    /// A query for the effect that the step of a saga, `$1`, has left: one `bigint`. No row, null and 0 mean no
    /// effect.
    pub effect: String,
    /// The result of the query when the step has taken effect once.
    pub effect_when_done: i64,
}

/// SQL that makes the step's handler fail, as the lack of a required row would.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandlerTrouble {
    /// Makes the handler fail.
    pub begin: String,
    /// Lets the handler succeed again.
    pub end: String,
}

/// A contract with its bodies, as read from a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContractFile {
    /// The path of the service's contract, relative to this file.
    contract: PathBuf,
    step: Option<String>,
    bodies: BTreeMap<String, Value>,
    refused_by: Option<Value>,
    #[serde(default)]
    reference: String,
    trouble: Option<HandlerTrouble>,
    effect: String,
    #[serde(default = "once")]
    effect_when_done: i64,
}

const fn once() -> i64 {
    1
}

#[derive(Debug, Clone)]
pub(crate) struct Types {
    /// A join has several.
    pub(crate) triggers: Vec<EventType>,
    pub(crate) done: EventType,
    pub(crate) refused: Option<EventType>,
    pub(crate) abort: EventType,
    pub(crate) compensated: EventType,
}

impl Contract {
    /// Reads a JSON file with the fields of this type, except that `contract` replaces `part`: the path of the
    /// service's contract, relative to the file.
    ///
    /// # Errors
    ///
    /// If one of the files is missing or wrong, in a sentence.
    pub fn read(file: &Path) -> Result<Self, String> {
        let case: ContractFile = parsed(file)?;
        let contract = file.parent().unwrap_or(Path::new("")).join(&case.contract);
        let part = parsed::<ServiceContract>(&contract)?.part();
        let part = part.map_err(|why| format!("{} cannot be used: {why}", contract.display()))?;
        let steps = part.sagas.iter().flat_map(|saga| &saga.steps).map(|step| step.name);
        let steps: Vec<&str> = steps.collect();
        let step = match (case.step, &steps[..]) {
            (Some(step), _) => step,
            (None, [only]) => (*only).to_owned(),
            (None, _) => {
                return Err(format!("name the `step` that is tried: one of {}", steps.join(", ")));
            }
        };
        let contract = Self {
            part,
            step,
            bodies: case.bodies,
            refused_by: case.refused_by,
            reference: case.reference,
            trouble: case.trouble,
            effect: case.effect,
            effect_when_done: case.effect_when_done,
        };
        contract.check().map_err(|why| format!("{}: {why}", file.display()))?;
        Ok(contract)
    }

    fn check(&self) -> Result<(), String> {
        let types = self.types()?;
        let refused = types.refused.filter(|_| self.refused_by.is_some());
        let needed = [types.done, types.abort, types.compensated].into_iter();
        let needed = needed.chain(types.triggers).chain(refused).map(|event| event.name());
        let missing: Vec<&str> = needed.filter(|name| !self.bodies.contains_key(*name)).collect();
        if !missing.is_empty() {
            return Err(format!("`bodies` needs a body of {}", missing.join(", ")));
        }
        Ok(())
    }

    /// The error names what the declaration lacks.
    pub(crate) fn types(&self) -> Result<Types, String> {
        let service = self.part.service;
        let is_it = |step: &&StepPart| step.name == self.step;
        let mut sagas = self.part.sagas.iter();
        let found = sagas.find_map(|saga| Some((saga, saga.steps.iter().find(is_it)?)));
        let (saga, step) =
            found.ok_or_else(|| format!("{service} declares no step {}", self.step))?;
        let what = |what: &str| format!("{service} declares no {what} for {}", self.step);
        if step.on.is_empty() {
            return Err(what("trigger"));
        }
        Ok(Types {
            triggers: step.on.clone(),
            done: step.done,
            refused: step.refused,
            abort: saga.abort.ok_or_else(|| what("abort"))?,
            compensated: step.compensated.ok_or_else(|| what("compensation"))?,
        })
    }

    pub(crate) fn body(&self, event: EventType, saga: Uuid) -> Value {
        self.bodies.get(event.name()).map(|body| of_saga(body, saga)).unwrap_or_default()
    }

    pub(crate) fn refused_by(&self, saga: Uuid) -> Option<Value> {
        self.refused_by.as_ref().map(|body| of_saga(body, saga))
    }
}

fn parsed<T: for<'de> Deserialize<'de>>(file: &Path) -> Result<T, String> {
    let text = fs::read_to_string(file);
    let text = text.map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

fn of_saga(body: &Value, saga: Uuid) -> Value {
    match body {
        Value::String(text) => Value::String(text.replace(SAGA, &saga.to_string())),
        Value::Array(items) => items.iter().map(|item| of_saga(item, saga)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| (name.clone(), of_saga(field, saga))).collect()
        }
        scalar => scalar.clone(),
    }
}
