//! A system's contracts: a folder with a file for each service. The folder has the name of the system and its virtual
//! host.

pub(crate) mod bodies;
mod references;
pub(crate) mod roles;
pub(crate) mod schema;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ballet_core::contract::{self, ServiceContract};
use ballet_core::rules::catalogue;
use ballet_core::{EventType, Key, Part, Problem, System, TelemetryType, rules};
use schemars::Schema;

use crate::contracts::schema::ListedField;
use crate::search::{self, SearchedSaga};

const FOLDERS: [&str; 2] = ["contracts", "docs/contracts"];

/// The contracts of a system's services.
#[derive(Debug)]
pub struct Contracts {
    folder: PathBuf,
    system: System,
    contracts: Vec<ServiceContract>,
}

/// Why a folder of contracts cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct ContractsError {
    /// The file or the folder that is wrong.
    pub place: PathBuf,
    why: String,
}

impl ContractsError {
    fn unreadable(place: &Path, error: &io::Error) -> Self {
        let why = format!("cannot read {}: {error}", place.display());
        Self { place: place.to_owned(), why }
    }
}

impl Contracts {
    /// Reads all contracts of a folder.
    ///
    /// # Errors
    ///
    /// The first fault, with its file.
    pub fn read(folder: &Path) -> Result<Self, ContractsError> {
        let (contracts, unreadable) = Self::readable(folder)?;
        unreadable.into_iter().next().map_or(Ok(contracts), Err)
    }

    /// Reads the readable contracts of a folder, and returns the others' errors.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, or has no contract.
    pub fn readable(folder: &Path) -> Result<(Self, Vec<ContractsError>), ContractsError> {
        let error = |error| ContractsError::unreadable(folder, &error);
        // The folder's own name, even for `.` and a link.
        let whole = folder.canonicalize().map_err(error)?;
        let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (mut contracts, mut parts, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
        for file in files(folder).map_err(error)? {
            match read(&file) {
                Ok((contract, part)) => {
                    contracts.push(contract);
                    parts.push(part);
                }
                Err(error) => unreadable.push(error),
            }
        }
        if parts.is_empty() && unreadable.is_empty() {
            let why = format!(
                "there is no contract in {}: `ballet contract write SERVICE` writes that of a service, from its program",
                folder.display()
            );
            return Err(ContractsError { place: folder.to_owned(), why });
        }
        let system = contract::system(&name, parts);
        Ok((Self { folder: whole, system, contracts }, unreadable))
    }

    /// The contracts of a system within this program, each at the place of its part.
    #[must_use]
    pub fn of(system: System, contracts: Vec<ServiceContract>) -> Self {
        Self { folder: PathBuf::new(), system, contracts }
    }

    /// Adds services that are only in the other contracts.
    #[must_use]
    pub fn joined_by(mut self, others: Self) -> Self {
        for (part, contract) in others.system.parts.into_iter().zip(others.contracts) {
            if self.system.parts.iter().all(|own| own.service != part.service) {
                self.system.parts.push(part);
                self.contracts.push(contract);
            }
        }
        self
    }

    /// Returns the folder. Contracts of this program have none.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns an event's fields, such as `guests: whole number`, as its publisher declares them.
    #[must_use]
    pub fn fields(&self, event: EventType) -> Vec<String> {
        let schemas = self.schemas();
        let schema = schemas.iter().find(|(known, _)| *known == event);
        let fields =
            schema.map(|(_, schema)| schema::fields(schema.as_value())).unwrap_or_default();
        let line = |field: ListedField| {
            let optional = if field.required { "" } else { ", optional" };
            format!("{}: {}{optional}", field.path, field.kind)
        };
        fields.into_iter().filter(|field| !field.path.contains('.')).map(line).collect()
    }

    /// Returns each event with its JSON schema, by service, as the service that it is named after declares it, or else
    /// another one.
    #[must_use]
    pub fn schemas(&self) -> Vec<(EventType, Schema)> {
        let schemas = |contract: &ServiceContract| contract.schemas().unwrap_or_default();
        self.declared(schemas, |event: &EventType| (event.service(), event.name()))
    }

    /// Returns each type of telemetry with its schema, as [`schemas`](Self::schemas) does.
    #[must_use]
    pub fn telemetry_schemas(&self) -> Vec<(TelemetryType, Schema)> {
        let schemas = |contract: &ServiceContract| contract.telemetry_schemas().unwrap_or_default();
        self.declared(schemas, |one: &TelemetryType| (one.service(), one.name()))
    }

    /// `name` returns the service that a type is named after, and the type's name.
    fn declared<T: Copy>(
        &self,
        schemas: impl Fn(&ServiceContract) -> Vec<(T, Schema)>,
        name: impl Fn(&T) -> (&'static str, &'static str),
    ) -> Vec<(T, Schema)> {
        let of_contract = |contract: &'_ ServiceContract| {
            let is_others = |of: &T| name(of).0 != contract.service();
            let all = schemas(contract).into_iter();
            all.map(|(of, schema)| (is_others(&of), of, schema)).collect::<Vec<_>>()
        };
        let mut all: Vec<_> = self.contracts.iter().flat_map(of_contract).collect();
        all.sort_by_key(|(is_others, of, _)| (name(of), *is_others));
        all.dedup_by_key(|(_, of, _)| name(of));
        all.into_iter().map(|(_, of, schema)| (of, schema)).collect()
    }

    /// Returns the contracts, in the order of their services' names.
    #[must_use]
    pub fn contracts(&self) -> &[ServiceContract] {
        &self.contracts
    }

    /// Returns each event's business keys, as the service that it is named after declares them.
    #[must_use]
    pub fn keys(&self) -> Vec<(EventType, Key)> {
        let own = |contract: &ServiceContract| {
            let mut keys = contract.keys().unwrap_or_default();
            keys.retain(|(event, _)| event.service() == contract.service());
            keys
        };
        self.contracts.iter().flat_map(own).collect()
    }

    /// Returns the declarations of the services.
    #[must_use]
    pub const fn system(&self) -> &System {
        &self.system
    }

    /// Returns the schemas' dangling references, each of which allows anything.
    #[must_use]
    pub fn unresolved(&self) -> Vec<Problem> {
        self.contracts.iter().flat_map(references::problems).collect()
    }

    /// Returns every broken rule of the declarations, and every field that a consumer needs and a publisher does not
    /// write, but for what the services except. If there is none, then what is wrong with the [runs](Self::runs).
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let problems = self.broken();
        if !problems.is_empty() {
            return problems;
        }
        let runs = self.runs().into_iter().flat_map(|saga| saga.counterexamples);
        runs.map(|one| one.problem).collect()
    }

    /// Returns what [`problems`](Self::problems) does, without a search of the runs.
    #[must_use]
    pub fn broken(&self) -> Vec<Problem> {
        let mut problems = self.with_excepted();
        problems.retain(|problem| !rules::is_excepted(&self.system, problem));
        problems
    }

    /// Searches the sagas through, and leaves out what the services except.
    #[must_use]
    pub fn runs(&self) -> Vec<SearchedSaga> {
        let mut all = search::search(&self.system);
        for saga in &mut all {
            saga.counterexamples.retain(|one| !rules::is_excepted(&self.system, &one.problem));
        }
        all
    }

    /// Returns what is perhaps a flaw, but for what the services except, and the exceptions that except nothing.
    #[must_use]
    pub fn notes(&self) -> Vec<Problem> {
        let mut notes = rules::notes(&self.system, &self.contracts);
        notes.extend(bodies::notes(&self.system, &self.contracts));
        let mut found = [self.with_excepted(), notes.clone()].concat();
        if self.excepts_runs() {
            let runs =
                search::search(&self.system).into_iter().flat_map(|saga| saga.counterexamples);
            found.extend(runs.map(|one| one.problem));
        }
        notes.retain(|note| !rules::is_excepted(&self.system, note));
        notes.extend(rules::unused_exceptions(&self.system, &found));
        notes
    }

    fn excepts_runs(&self) -> bool {
        let mut excepted = self.system.parts.iter().flat_map(|part| &part.exceptions);
        excepted.any(|one| catalogue::of_runs().any(|rule| rule.id.eq_ignore_ascii_case(one.rule)))
    }

    fn with_excepted(&self) -> Vec<Problem> {
        let mut problems = rules::with_excepted(&self.system);
        problems.extend(self.contracts.iter().flat_map(rules::of_contract));
        problems.extend(self.unresolved());
        problems.extend(bodies::problems(&self.system, &self.contracts));
        problems
    }
}

/// Returns the systems' folders in `contracts` or `docs/contracts`, in `place` or the nearest directory above with one.
#[must_use]
pub fn folders(place: &Path) -> Vec<PathBuf> {
    let beside = |directory: &Path| FOLDERS.map(|folder| directory.join(folder));
    let all = place.ancestors().flat_map(beside);
    let mut found = all.map(|contracts| systems(&contracts)).filter(|found| !found.is_empty());
    found.next().unwrap_or_default()
}

fn systems(contracts: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(contracts).into_iter().flatten().flatten();
    let is_system = |folder: &PathBuf| files(folder).is_ok_and(|files| !files.is_empty());
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_system).collect();
    found.sort();
    found
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = entries.collect::<io::Result<Vec<PathBuf>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    Ok(files)
}

/// The file must have its service's name.
fn read(file: &Path) -> Result<(ServiceContract, Part), ContractsError> {
    let text = fs::read(file).map_err(|error| ContractsError::unreadable(file, &error))?;
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let wrong = |what: String| {
        let why = format!(
            "{} {what}; `ballet contract write {name}` writes it from the service's program, and \
             docs/contract.schema.json of ballet has the form of one that is written by hand",
            file.display()
        );
        ContractsError { place: file.to_owned(), why }
    };
    let contract =
        ServiceContract::read(&text).map_err(|why| wrong(format!("is not a contract: {why}")))?;
    let part = contract.part().map_err(|why| wrong(format!("cannot be used: {why}")))?;
    let service = contract.service();
    if name != service {
        let why =
            format!("{} holds the contract of {service}: call it {service}.json", file.display());
        return Err(ContractsError { place: file.to_owned(), why });
    }
    Ok((contract, part))
}

#[cfg(test)]
pub(crate) fn of_services(services: &[serde_json::Value]) -> Contracts {
    let read = |service: &serde_json::Value| ServiceContract::read(service.to_string().as_bytes());
    let mut contracts: Vec<_> = services.iter().map(|one| read(one).expect("a contract")).collect();
    contracts.sort_by(|one, other| one.service().cmp(other.service()));
    let parts = contracts.iter().map(|one| one.part().expect("a part")).collect();
    Contracts::of(System { name: "shop", parts }, contracts)
}
