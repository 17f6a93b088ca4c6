//! What a participant owes, as far as it can be seen from the outside.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ballet::core::part::StepPart;
use ballet::core::{EventType, Part, ServiceContract};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// What stands for the saga's id in a body.
const SAGA: &str = "{saga}";

/// What a program promises: one compensatable step, and what it leaves.
///
/// In the bodies, `{saga}` stands for the id of the saga. Their effects must differ from saga to saga, so that a
/// query can find those of one.
#[derive(Debug, Clone)]
pub struct Contract {
    /// The part that the program declares. Its queue, its bindings and its rights follow from it.
    pub part: Part,
    /// The name of the step that is tried.
    pub step: String,
    /// The body of each event of the step, by its name: those that trigger it, what it publishes when it is done or
    /// compensated, its refusal, and the abort.
    pub bodies: BTreeMap<String, Value>,
    /// The body of the trigger that makes the step refuse, if it may; of a join, of its last trigger.
    pub refused_by: Option<Value>,
    /// SQL for rows that have to exist before the first message comes. The program has made its
    /// tables by then.
    pub reference: String,
    /// How the step's handler is made to fail although both servers work, so that what may work later is tried.
    pub trouble: Option<Trouble>,
    /// The other company, if the step calls one.
    pub calls: Option<Calls>,
    /// A query for what the step of a saga, `$1`, has left: one `bigint`. No row, null and 0 mean
    /// that there is nothing, or that it is undone. Without a query it is what the provider did.
    pub effect: Option<String>,
    /// What the query finds when the step has taken effect once.
    pub effect_when_done: i64,
}

/// SQL under which the handler of the step fails, as it would without a row that it needs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    /// What makes it fail.
    pub begin: String,
    /// What lets it work again.
    pub end: String,
}

/// How the step calls another company over HTTP. The suite plays that company, and acts once for each
/// `Idempotency-Key`. The saga's id has to be in each request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    /// The variable of the program's environment that gets the company's address.
    pub url: String,
    /// What the step asks for.
    pub step: Call,
    /// The body of the answer that makes the step refuse, if it may.
    pub refusal: Option<Value>,
    /// What its compensation asks for.
    pub compensation: Call,
}

/// A request, and its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Method and path, such as `POST /charges`.
    pub request: String,
    /// The body of the answer, in which `{key}` stands for the request's key.
    pub answer: Value,
}

/// A contract with its bodies, as a file has them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// The file of the service's contract, beside this one.
    contract: PathBuf,
    step: Option<String>,
    bodies: BTreeMap<String, Value>,
    refused_by: Option<Value>,
    #[serde(default)]
    reference: String,
    trouble: Option<Trouble>,
    calls: Option<Calls>,
    effect: Option<String>,
    #[serde(default = "once")]
    effect_when_done: i64,
}

/// What a provider did for a step that is done.
const fn once() -> i64 {
    1
}

/// The types of the events in a contract.
#[derive(Debug, Clone)]
pub(crate) struct Types {
    /// All of them, for a join.
    pub(crate) triggers: Vec<EventType>,
    pub(crate) done: EventType,
    pub(crate) refused: Option<EventType>,
    pub(crate) abort: EventType,
    pub(crate) compensated: EventType,
}

impl Contract {
    /// Reads a file in JSON with the fields of this type, `contract` in place of `part`: the file of the service's
    /// contract, beside it.
    ///
    /// # Errors
    ///
    /// What is wrong with one of the files, in a sentence.
    pub fn read(file: &Path) -> Result<Self, String> {
        let case: Case = parsed(file)?;
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
            calls: case.calls,
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
        if self.calls.is_none() && self.effect.is_none() {
            return Err("give `effect`, a query for what the step has left, or `calls`".to_owned());
        }
        Ok(())
    }

    /// The types of the step, or what is missing in the declaration.
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

    /// The body of an event in a saga.
    pub(crate) fn body(&self, event: EventType, saga: Uuid) -> Value {
        self.bodies.get(event.name()).map(|body| of_saga(body, saga)).unwrap_or_default()
    }

    /// The body that makes the step refuse, in a saga.
    pub(crate) fn refused_by(&self, saga: Uuid) -> Option<Value> {
        self.refused_by.as_ref().map(|body| of_saga(body, saga))
    }
}

fn parsed<T: for<'de> Deserialize<'de>>(file: &Path) -> Result<T, String> {
    let text = fs::read_to_string(file);
    let text = text.map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

/// The body with the id of a saga in it.
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
