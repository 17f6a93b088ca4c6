//! The contract of one service, as its file has it.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contract::contract_events::ContractEvents;
use crate::contract::error::{ContractError, VERSION};
use crate::contract::exception_lines::ExceptionLines;
use crate::contract::lines::{
    CopyLines, EventLines, KeyLines, SagaLines, ShareLines, SubscriptionLines, name, names,
};
use crate::contract::telemetry_lines::{KnownTelemetry, ReaderLines, TelemetryLines};
use crate::events::event::{EventSchema, EventType};
use crate::events::key::Key;
use crate::events::lasting::lasting;
use crate::events::portable::make_portable;
use crate::events::telemetry::{TelemetrySchema, TelemetryType};
use crate::json;
use crate::parts::part::{Part, SubscriptionPart, System};

/// The declarations of a service, and its events with their JSON schemas.
///
/// `ballet contract write` writes it from a Rust service's program. For a service in another language
/// it is written by hand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceContract {
    /// The version of this form: 1.
    contract: u32,
    /// The service's name; its queue has this name, and its events begin with it.
    service: String,
    /// Whether it takes packs: messages that bear several events. Services on the framework do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    takes_packs: bool,
    /// Its part in each saga.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sagas: Vec<SagaLines>,
    /// Events that it consumes outside of sagas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    subscriptions: Vec<SubscriptionLines>,
    /// Events that it publishes outside of sagas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    publishes: Vec<String>,
    /// Its entities that others keep copies of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shares: Vec<ShareLines>,
    /// Its copies of others' entities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    copies: Vec<CopyLines>,
    /// The telemetry that it publishes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    publishes_telemetry: Vec<String>,
    /// Its readers of telemetry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reads_telemetry: Vec<ReaderLines>,
    /// Every type of telemetry that is named above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    telemetry: Vec<TelemetryLines>,
    /// What it excepts from rules of `ballet check`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    exceptions: Vec<ExceptionLines>,
    /// Every event that is named above.
    events: Vec<EventLines>,
}

impl ServiceContract {
    /// The contract of a service that declares this. Of the schemas it keeps those of events that
    /// the service publishes or consumes, in the order in which they are given.
    #[must_use]
    pub fn new(part: &Part, schemas: impl IntoIterator<Item = EventSchema>) -> Self {
        let mut left = [part.emits(), part.consumes()].concat();
        let mut events = Vec::new();
        for schema in schemas {
            let event = schema.event();
            if left.contains(&event) {
                left.retain(|other| *other != event);
                // A reader of the event may know an older release of it.
                let is_own = event.service() == part.service;
                let keys = if is_own { schema.keys() } else { &[] };
                events.push(EventLines {
                    name: event.name().to_owned(),
                    role: event.role(),
                    also_from: texts(event.foreign_producers()),
                    packs: is_own && event.is_packed(),
                    keys: keys.iter().map(KeyLines::of).collect(),
                    schema: value_of(schema.schema()),
                });
            }
        }
        Self {
            contract: VERSION,
            service: part.service.to_owned(),
            takes_packs: part.takes_packs,
            sagas: part.sagas.iter().map(SagaLines::of).collect(),
            subscriptions: part
                .subscriptions
                .iter()
                .map(|one| SubscriptionLines { name: one.name.to_owned(), on: name(one.on) })
                .collect(),
            publishes: names(&part.publishes),
            shares: part.shares.iter().map(ShareLines::of).collect(),
            copies: part.copies.iter().map(CopyLines::of).collect(),
            publishes_telemetry: part.telemetry.iter().map(|one| one.name().to_owned()).collect(),
            reads_telemetry: part.readers.iter().map(ReaderLines::of).collect(),
            telemetry: Vec::new(),
            exceptions: part.exceptions.iter().map(ExceptionLines::of).collect(),
            events,
        }
    }

    /// Adds the schemas of the telemetry that the service publishes or reads.
    #[must_use]
    pub fn with_telemetry(mut self, schemas: impl IntoIterator<Item = TelemetrySchema>) -> Self {
        for schema in schemas {
            let telemetry = schema.telemetry();
            if self.telemetry.iter().all(|known| known.name != telemetry.name()) {
                self.telemetry.push(TelemetryLines {
                    name: telemetry.name().to_owned(),
                    partitions: telemetry.partition_count(),
                    kept_days: telemetry.days(),
                    kept_bytes: telemetry.bytes(),
                    schema: value_of(schema.schema()),
                });
            }
        }
        self
    }

    /// The schemas of the telemetry.
    ///
    /// # Errors
    ///
    /// The first mistake.
    pub fn telemetry_schemas(&self) -> Result<Vec<(TelemetryType, Schema)>, ContractError> {
        KnownTelemetry::read(&self.telemetry)?.schemas(&self.telemetry)
    }

    /// The service's name.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Reads the text of its file.
    ///
    /// # Errors
    ///
    /// An error says what is wrong in the file, and where.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        if text.trim_ascii().is_empty() {
            return Err("it is empty".to_owned());
        }
        json::from_slice(text).map_err(|error| match error.is_data() {
            true => error.to_string(),
            false => format!("it is not JSON: {error}"),
        })
    }

    /// The contract as the text of its file. The same declarations always give the same text.
    #[must_use]
    pub fn text(&self) -> String {
        // A contract is structs, lists, and maps with text as keys, so it can always be written.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The part that the service declares. The names in it live as long as the process.
    ///
    /// # Errors
    ///
    /// The first mistake.
    pub fn part(&self) -> Result<Part, ContractError> {
        let known = self.contract_events()?;
        let telemetry = KnownTelemetry::read(&self.telemetry)?;
        // Checked here, because later a contract with unreadable schemas would pass for one without schemas.
        self.schemas()?;
        self.telemetry_schemas()?;
        let of_sagas = self.sagas.iter().map(|saga| saga.part(&known));
        let of_subscriptions = self.subscriptions.iter().map(|one| {
            Ok(SubscriptionPart { name: lasting(&one.name), on: known.event(&one.on)? })
        });
        Ok(Part {
            service: lasting(&self.service),
            takes_packs: self.takes_packs,
            sagas: of_sagas.collect::<Result<_, _>>()?,
            subscriptions: of_subscriptions.collect::<Result<_, _>>()?,
            publishes: known.events(&self.publishes)?,
            shares: self.shares.iter().map(|one| one.part(&known)).collect::<Result<_, _>>()?,
            copies: self.copies.iter().map(|one| one.part(&known)).collect::<Result<_, _>>()?,
            telemetry: self
                .publishes_telemetry
                .iter()
                .map(|name| telemetry.one(name))
                .collect::<Result<_, _>>()?,
            readers: self
                .reads_telemetry
                .iter()
                .map(|line| telemetry.reader(line))
                .collect::<Result<_, _>>()?,
            exceptions: self.exceptions.iter().map(ExceptionLines::part).collect(),
        })
    }

    /// The schemas of the events.
    ///
    /// # Errors
    ///
    /// The first mistake.
    pub fn schemas(&self) -> Result<Vec<(EventType, Schema)>, ContractError> {
        let known = self.contract_events()?;
        let schema = |event: &EventLines| {
            let schema = Schema::try_from(event.schema.clone());
            let schema = schema.map_err(|_| ContractError::Schema(event.name.clone()))?;
            Ok((known.event(&event.name)?, schema))
        };
        self.events.iter().map(schema).collect()
    }

    /// The business keys of the events.
    ///
    /// # Errors
    ///
    /// The first mistake.
    pub fn keys(&self) -> Result<Vec<(EventType, Key)>, ContractError> {
        let known = self.contract_events()?;
        let mut keys = Vec::new();
        for event in &self.events {
            let of = known.event(&event.name)?;
            keys.extend(event.keys.iter().map(|key| (of, key.key())));
        }
        Ok(keys)
    }

    /// The events that it says are packed.
    ///
    /// # Errors
    ///
    /// The first mistake.
    pub fn packed(&self) -> Result<Vec<EventType>, ContractError> {
        let known = self.contract_events()?;
        Ok(known.0.into_values().filter(EventType::is_packed).collect())
    }

    fn contract_events(&self) -> Result<ContractEvents<'_>, ContractError> {
        if self.contract != VERSION {
            return Err(ContractError::Version(self.contract));
        }
        let mut known = BTreeMap::new();
        for event in &self.events {
            let read = EventType::read(&event.name, event.role, &event.also_from);
            let read = read.ok_or_else(|| ContractError::Name(event.name.clone()))?;
            let read = if event.packs { read.packs() } else { read };
            if known.insert(event.name.as_str(), read).is_some() {
                return Err(ContractError::Twice(event.name.clone()));
            }
        }
        Ok(ContractEvents(known))
    }
}

/// The JSON schema of a contract's file, as text.
#[must_use]
pub fn schema_text() -> String {
    let mut schema = schema_for!(ServiceContract).to_value();
    make_portable(&mut schema);
    schema.sort_all_objects();
    format!("{schema:#}\n")
}

/// The system of that name. The name lives as long as the process.
#[must_use]
pub fn system(name: &str, parts: Vec<Part>) -> System {
    System { name: lasting(name), parts }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// A schema with the keys of all objects in order, since their own order depends on how serde_json
/// was built.
fn value_of(schema: Schema) -> Value {
    let mut value = schema.to_value();
    value.sort_all_objects();
    value
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
