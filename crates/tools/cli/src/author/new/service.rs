//! `ballet new service`: a service with a part of a saga, its contract and a test.

use std::collections::BTreeSet;

use anyhow::Result;
use ballet::core::part::{SagaPart, StepKind, StepPart};
use ballet::core::{EventType, Role, System};
use ballet_check::Contracts;

use crate::author::new::names::{self, camel};
use crate::author::new::workspace;
use crate::author::new::writing::{self, NewFile, Replacements};
use crate::base::exit::{ExitStatus, usage};
use crate::base::systems::contracts;
use crate::base::ui;

const TEMPLATES: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("../../../templates/service/manifest.toml")),
    (
        "migrations/0001_part.sql",
        include_str!("../../../templates/service/migrations/0001_part.sql"),
    ),
    ("src/events.rs", include_str!("../../../templates/service/src/events.rs")),
    ("src/lib.rs", include_str!("../../../templates/service/src/lib.rs")),
    ("src/main.rs", include_str!("../../../templates/service/src/main.rs")),
    ("tests/my_service.rs", include_str!("../../../templates/service/tests/my_service.rs")),
];
const CONTRACT: &str = include_str!("../../../templates/service/contract.json");

#[derive(Debug, clap::Args)]
pub(crate) struct ServiceArgs {
    /// The service's name, lower case: its crate, its queue and its database
    name: String,
    /// The saga that it takes part in [default: the only one]
    #[arg(long, value_name = "NAME")]
    saga: Option<String>,
    /// The event of the saga that it waits for [default: the one that begins the saga]
    #[arg(long, value_name = "TYPE")]
    on: Option<String>,
}

pub(super) fn run(args: &ServiceArgs) -> Result<ExitStatus> {
    let name = args.name.as_str();
    let contracts = contracts()?;
    let system = contracts.system();
    names::check_service(name)?;
    if system.parts.iter().any(|part| part.service == name) {
        return Err(usage(format!("{} has a service {name} already", system.name)));
    }
    if system.foreign_producers().iter().any(|(producer, _)| *producer == name) {
        return Err(usage(format!(
            "{name} is a producer outside of {}, and has a broker user of that name: choose another name",
            system.name
        )));
    }
    let saga = saga(system, args.saga.as_deref())?;
    let Some(abort) = saga.abort else {
        return Err(usage(format!(
            "{} is never aborted, so nothing in it is taken back: write the service by hand",
            saga.saga
        )));
    };
    let on = trigger(system, saga, args.on.as_deref())?;
    let folder = contracts.folder();
    let root = workspace::root(folder)?;
    let below = folder.strip_prefix(root).unwrap_or(folder).display();
    let place = workspace::place(root, system.name, name);
    let up = "../".repeat(place.split('/').count());
    let words = Replacements(vec![
        ("// FIELDS_OF_TRIGGER\n", fields(contracts, on)),
        ("// FIELDS_OF_ABORT\n", fields(contracts, abort)),
        ("WORDS_OF_TRIGGER", words_of(on)),
        ("WORDS_OF_ABORT", words_of(abort)),
        ("NAME_OF_TRIGGER", on.name().to_owned()),
        ("NAME_OF_ABORT", abort.name().to_owned()),
        ("\"ROLE_OF_TRIGGER\"", role(on)),
        ("\"ROLE_OF_ABORT\"", role(abort)),
        ("MyTrigger", camel(on.event())),
        ("MyAbort", camel(abort.event())),
        ("MySaga", camel(saga.saga)),
        ("MyService", camel(name)),
        ("my_saga", saga.saga.to_owned()),
        ("my_owner", saga.owner.to_owned()),
        ("../../contracts/my_system", format!("{up}{below}")),
        ("LINTS\n", workspace::lints(root)?),
        ("my_service", name.to_owned()),
        ("my_system", system.name.to_owned()),
    ]);
    let mut files: Vec<NewFile> = TEMPLATES
        .iter()
        .map(|(path, template)| words.file(&format!("{place}/{path}"), template))
        .collect();
    files.push(words.file(&format!("{below}/my_service.json"), CONTRACT));
    writing::write(root, &files)?;
    workspace::join(root, &place)?;
    workspace::enter_trials(root, &place, name)?;
    workspace::enter_containers(root, system.name, name)?;
    workspace::define(root, folder)?;
    writing::lock(root);
    ui::say(&format!(
        "\nit waits for {}, and takes its part back on {}\nnext:\n  cargo test --package {name}\n  \
         cargo ballet check",
        on.name(),
        abort.name()
    ));
    Ok(ExitStatus::All)
}

fn saga<'a>(system: &'a System, named: Option<&str>) -> Result<&'a SagaPart> {
    let owned = system
        .parts
        .iter()
        .flat_map(|part| part.sagas.iter().filter(move |saga| saga.owner == part.service));
    let sagas: Vec<&SagaPart> = owned.collect();
    let names: Vec<&str> = sagas.iter().map(|saga| saga.saga).collect();
    let found: Vec<&SagaPart> =
        sagas.into_iter().filter(|saga| named.is_none_or(|name| name == saga.saga)).collect();
    match &found[..] {
        [saga] => Ok(*saga),
        [] if names.is_empty() => Err(usage(format!("no service of {} owns a saga", system.name))),
        _ => Err(usage(format!("choose a saga with --saga: {}", names.join(", ")))),
    }
}

fn trigger(system: &System, saga: &SagaPart, named: Option<&str>) -> Result<EventType> {
    let Some(name) = named else {
        let begins =
            |step: &&StepPart| step.kind == StepKind::Origin && step.versions.has(saga.begins);
        let origin = saga.steps.iter().find(begins);
        let origin = origin.map(|step| step.done);
        return origin.ok_or_else(|| usage("choose the event that it waits for with --on"));
    };
    let events: BTreeSet<EventType> = steps(system, saga).map(|step| step.done).collect();
    let known = events.iter().find(|event| event.name() == name);
    known.copied().ok_or_else(|| {
        let names: Vec<&str> = events.iter().map(|event| event.name()).collect();
        usage(format!(
            "{name} is not what a step of {} publishes: --on takes one of {}",
            saga.saga,
            names.join(", ")
        ))
    })
}

fn steps<'a>(system: &'a System, saga: &SagaPart) -> impl Iterator<Item = &'a StepPart> {
    let (name, parts) = (saga.saga, system.parts.iter().flat_map(|part| &part.sagas));
    parts.filter(move |part| part.saga == name).flat_map(|part| &part.steps)
}

fn fields(contracts: &Contracts, event: EventType) -> String {
    let lines: String =
        contracts.fields(event).into_iter().map(|field| format!("//   {field}\n")).collect();
    if lines.is_empty() {
        return lines;
    }
    format!("// The fields of the event; add those that you need:\n{lines}")
}

fn words_of(event: EventType) -> String {
    let mut words = format!("{:?}", event.name());
    words += match event.role() {
        Role::Plain => "",
        Role::StartsSaga => ", starts_saga",
        Role::InSaga => ", in_saga",
    };
    if let [first, others @ ..] = event.foreign_producers() {
        let others: String = others.iter().map(|producer| format!(", {producer:?}")).collect();
        words += &format!(", also_from({first:?}{others})");
    }
    words
}

fn role(event: EventType) -> String {
    let role = serde_json::to_string(&event.role()).unwrap_or_default();
    match event.foreign_producers() {
        [] => role,
        producers => {
            let lines: Vec<String> =
                producers.iter().map(|producer| format!("        {producer:?}")).collect();
            format!("{role},\n      \"also_from\": [\n{}\n      ]", lines.join(",\n"))
        }
    }
}
