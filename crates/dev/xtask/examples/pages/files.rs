//! `cargo xtask generate`: writes what is made from the services' declarations.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use ballet::core::{Graph, contract};
use ballet_check::{choreography, definitions, events, lanes, schemas};

use crate::site::CONTENTS;
use crate::site::llms::{self, LLMS};
use crate::systems::{SystemDescription, SystemName};
use crate::{joined_services, quotes, rollback, root, rules};
use ballet_ops::terminal::ui;

const COMMAND: &str = "cargo xtask generate";
const README: &str = "README.md";

struct GeneratedFile {
    path: String,
    text: String,
}

pub(crate) fn run(check: bool) -> Result<ExitCode> {
    let root = root();
    let mut stale = 0;
    for GeneratedFile { path, text } in generated(&root)? {
        let file = root.join(&path);
        if read(&file)?.as_ref() == Some(&text) {
            continue;
        }
        if check {
            stale += 1;
            ui::say(&format!("{} {path} is out of date", ui::bad("error:")));
            continue;
        }
        if let Some(dir) = file.parent() {
            fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        }
        fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
        ui::print(&format!("wrote {path}"));
    }
    if stale > 0 {
        ui::say(&format!("run `{COMMAND}` and commit the result"));
        return Ok(ExitCode::FAILURE);
    }
    ui::print("all generated files are up to date");
    Ok(ExitCode::SUCCESS)
}

fn generated(root: &Path) -> Result<Vec<GeneratedFile>> {
    let mut all = vec![
        GeneratedFile {
            path: "docs/contract.schema.json".to_owned(),
            text: contract::schema_text(),
        },
        GeneratedFile {
            path: "docs/rules.md".to_owned(),
            text: ballet_check::rules::page(COMMAND),
        },
    ];
    for name in SystemName::ALL {
        all.extend(of_system(root, name)?);
    }
    for (path, text) in quotes::renewed_pages(root)? {
        if path == README {
            let picture = rollback::svg(&text)?;
            all.push(GeneratedFile { path: rollback::FILE.to_owned(), text: picture });
        }
        all.push(GeneratedFile { path, text });
    }
    let page = |file| Ok::<_, anyhow::Error>(read(&root.join(file))?.unwrap_or_default());
    let text = llms::text(&page(README)?, &page(CONTENTS)?)?;
    all.push(GeneratedFile { path: LLMS.to_owned(), text });
    rules::compare(root)?;
    Ok(all)
}

fn of_system(root: &Path, name: SystemName) -> Result<Vec<GeneratedFile>> {
    let SystemDescription { system, contracts, documents } = name.describe();
    let all_services = joined_services::contracts(root, system, contracts.clone())?;
    let graph = Graph::new(all_services.system().clone());
    let (system, folder) = (graph.system(), graph.system().name);
    let problems = graph.problems();
    if !problems.is_empty() {
        let list: Vec<_> = problems.iter().map(ToString::to_string).collect();
        bail!("the choreography of {folder} is not sound:\n  {}", list.join("\n  "));
    }
    let of_events = all_services.schemas();
    let files = of_events.iter().map(|(event, schema)| GeneratedFile {
        path: format!("docs/schemas/{event}.json"),
        text: schemas::text(folder, *event, schema),
    });
    let mut all: Vec<GeneratedFile> = files.collect();
    all.extend([
        GeneratedFile { path: name.definitions(), text: definitions::text(system, COMMAND) },
        GeneratedFile {
            path: format!("docs/{folder}/choreography.md"),
            text: choreography::page(&graph, COMMAND),
        },
    ]);
    all.extend(contracts.iter().map(|contract| GeneratedFile {
        path: format!("docs/contracts/{folder}/{}.json", contract.service()),
        text: contract.text(),
    }));
    all.extend(graph.sagas().into_iter().map(|saga| GeneratedFile {
        path: format!("docs/{folder}/{saga}.svg"),
        text: lanes::svg(&graph, saga),
    }));
    all.extend(documents.iter().map(|(service, document)| GeneratedFile {
        path: format!("docs/openapi/{service}.json"),
        text: document.text(),
    }));
    let documents = documents.iter().map(|(service, document)| (*service, document.text()));
    let whole = ballet_gateway::document(&root.join(name.gateway()), documents);
    let text = whole.map_err(|why| anyhow!("the document of the whole of {folder}: {why}"))?;
    all.push(GeneratedFile { path: format!("docs/openapi/{folder}.json"), text });
    Ok(all)
}

/// Only the site has these pages, by path: every event of a system.
pub(crate) fn pages_of_events(root: &Path) -> Result<Vec<(String, String)>> {
    let page = |name: SystemName| {
        let SystemDescription { system, contracts, .. } = name.describe();
        let path = format!("docs/{}/events.md", system.name);
        Ok((path, events::page(&joined_services::contracts(root, system, contracts)?)))
    };
    SystemName::ALL.into_iter().map(page).collect()
}

fn read(file: &Path) -> Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}
