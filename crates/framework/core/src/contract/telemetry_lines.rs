//! The sections of a contract about telemetry.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contract::error::ContractError;
use crate::events::lasting::lasting;
use crate::events::telemetry::TelemetryType;
use crate::parts::part::ReaderPart;

/// A type of telemetry that the service publishes or reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TelemetryLines {
    /// Its name.
    pub(crate) name: String,
    /// The number of its streams.
    pub(crate) partitions: u16,
    /// For how many days each stream keeps it.
    pub(crate) kept_days: u16,
    /// The bytes beyond which each stream keeps less.
    pub(crate) kept_bytes: u64,
    /// The JSON schema of the body.
    pub(crate) schema: Value,
}

/// A reader of telemetry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReaderLines {
    /// The reader's name.
    pub(crate) name: String,
    /// The telemetry that it reads.
    pub(crate) reads: String,
    /// Whether each process follows all of it in memory.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) in_memory: bool,
}

impl ReaderLines {
    pub(crate) fn of(part: &ReaderPart) -> Self {
        let ReaderPart { name, reads, in_memory } = *part;
        Self { name: name.to_owned(), reads: reads.name().to_owned(), in_memory }
    }
}

/// The types of telemetry of a contract, by name.
pub(crate) struct KnownTelemetry(BTreeMap<String, TelemetryType>);

impl KnownTelemetry {
    pub(crate) fn read(lines: &[TelemetryLines]) -> Result<Self, ContractError> {
        let mut known = BTreeMap::new();
        for line in lines {
            let TelemetryLines { name, partitions, kept_days, kept_bytes, .. } = line;
            let read = TelemetryType::read(name, *partitions, *kept_days, *kept_bytes);
            let read = read.ok_or_else(|| ContractError::Telemetry(name.clone()))?;
            if known.insert(name.clone(), read).is_some() {
                return Err(ContractError::Twice(name.clone()));
            }
        }
        Ok(Self(known))
    }

    pub(crate) fn one(&self, name: &str) -> Result<TelemetryType, ContractError> {
        self.0.get(name).copied().ok_or_else(|| ContractError::NoTelemetry(name.to_owned()))
    }

    pub(crate) fn reader(&self, line: &ReaderLines) -> Result<ReaderPart, ContractError> {
        let (name, reads) = (lasting(&line.name), self.one(&line.reads)?);
        Ok(ReaderPart { name, reads, in_memory: line.in_memory })
    }

    /// The schemas, each with its type.
    pub(crate) fn schemas(
        &self,
        lines: &[TelemetryLines],
    ) -> Result<Vec<(TelemetryType, Schema)>, ContractError> {
        let schema = |line: &TelemetryLines| {
            let schema = Schema::try_from(line.schema.clone());
            let schema = schema.map_err(|_| ContractError::Schema(line.name.clone()))?;
            Ok((self.one(&line.name)?, schema))
        };
        lines.iter().map(schema).collect()
    }
}
