//! Services that have joined a system: their contracts lie beside ours, their code is not part of this build. The
//! generated files include them.

use std::path::Path;

use anyhow::{Context, Result};
use ballet::core::{EventType, Key, ServiceContract, System, TelemetryType};
use ballet_check::Contracts;
use schemars::Schema;

/// The contracts of services that joined, from the folder of a system's own contracts.
pub(crate) fn joined(root: &Path, system: &System) -> Result<Vec<ServiceContract>> {
    let folder = root.join("docs/contracts").join(system.name);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let is_own = |contract: &&ServiceContract| {
        system.parts.iter().any(|part| part.service == contract.service())
    };
    let contracts = Contracts::read(&folder)?;
    Ok(contracts.contracts().iter().filter(|contract| !is_own(contract)).cloned().collect())
}

/// The system together with these services.
pub(crate) fn with(mut system: System, joined: &[ServiceContract]) -> Result<System> {
    for contract in joined {
        let part = contract.part();
        system.parts.push(part.with_context(|| format!("the contract of {}", contract.service()))?);
    }
    Ok(system)
}

/// The schemas of a system's events, and of the events that only these services know.
pub(crate) fn schemas(
    mut known: Vec<(EventType, Schema)>,
    joined: &[ServiceContract],
) -> Result<Vec<(EventType, Schema)>> {
    for contract in joined {
        for (event, schema) in contract.schemas()? {
            if known.iter().all(|(other, _)| *other != event) {
                known.push((event, schema));
            }
        }
    }
    Ok(known)
}

/// The business keys of a system's events, and of those of these services.
pub(crate) fn keys(own: &[ServiceContract], joined: &[ServiceContract]) -> Vec<(EventType, Key)> {
    let all = own.iter().chain(joined).filter_map(|contract| contract.keys().ok());
    all.flatten().collect()
}

/// The telemetry of a system and of these services. The publisher's description takes precedence.
pub(crate) fn telemetry(
    own: &[ServiceContract],
    joined: &[ServiceContract],
) -> Vec<(TelemetryType, Schema)> {
    let all = || own.iter().chain(joined);
    let of = |contract: &ServiceContract| contract.telemetry_schemas().unwrap_or_default();
    let published = all().flat_map(|contract| {
        let mut schemas = of(contract);
        schemas.retain(|(telemetry, _)| telemetry.service() == contract.service());
        schemas
    });
    published.chain(all().flat_map(of)).collect()
}
