//! `cargo xtask generate`: writes what is made from the services' declarations.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use ballet::core::{Graph, contract};
use ballet_check::{choreography, definitions, events, lanes, schemas};

use crate::systems::{SystemDescription, SystemName};
use crate::{joined_services, root, rules};
use ballet_terminal::ui;

const COMMAND: &str = "cargo xtask generate";
const README: &str = "README.md";
const GUIDE: &str = "docs/write-a-service.md";
const JOIN: &str = "docs/join-from-any-language.md";
const VERSIONS: &str = "docs/versions-of-a-saga.md";
const VERSIONS_EXAMPLE: &str = "examples/concepts/src/two_versions.rs";
const CONTRACT: &str = "examples/python-loyalty/loyalty.json";
const EXAMPLE: &str = "examples/loyalty/src/main.rs";
const EXAMPLES_MANIFEST: &str = "examples/loyalty/Cargo.toml";
const EXAMPLES_TEST: &str = "examples/loyalty/tests/loyalty.rs";

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
    let mut all = vec![GeneratedFile {
        path: "docs/contract.schema.json".to_owned(),
        text: contract::schema_text(),
    }];
    for name in SystemName::ALL {
        all.extend(of_system(root, name)?);
    }
    let text = |path: &str| read(&root.join(path))?.with_context(|| format!("no {path}"));
    let (example, contract) = (text(EXAMPLE)?, text(CONTRACT)?);
    let rust = |text: &str| format!("```rust\n{}\n```\n", text.trim_end());
    for (file, name, part) in [
        (README, "step", rust(&step(&example)?)),
        (GUIDE, "loyalty", rust(&example)),
        (GUIDE, "manifest", manifest(&text(EXAMPLES_MANIFEST)?)?),
        (GUIDE, "sound", rust(&last_test(&read(&root.join(EXAMPLES_TEST))?.unwrap_or_default())?)),
        (JOIN, "contract", format!("```json\n{}\n```\n", contract.trim_end())),
        (VERSIONS, "versions", rust(&participant(&text(VERSIONS_EXAMPLE)?)?)),
    ] {
        let page = match all.iter().position(|generated| generated.path == file) {
            Some(at) => all.remove(at).text,
            None => read(&root.join(file))?.with_context(|| format!("no {file}"))?,
        };
        let text = with_part(file, &page, name, &part)?;
        all.push(GeneratedFile { path: file.to_owned(), text });
    }
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

/// It checks the declarations of all services.
fn last_test(tests: &str) -> Result<String> {
    let (_, test) = tests
        .rsplit_once("\n#[test]\n")
        .with_context(|| format!("{EXAMPLES_TEST} has no test of the declarations"))?;
    Ok(format!("#[test]\n{test}"))
}

fn manifest(text: &str) -> Result<String> {
    let dependencies = text.split_once("[dependencies]").and_then(|(_, rest)| {
        let (dependencies, _) = rest.split_once("\n\n")?;
        Some(dependencies)
    });
    let dependencies =
        dependencies.with_context(|| format!("{EXAMPLES_MANIFEST} has no dependencies"))?;
    Ok(format!("```toml\n[dependencies]{dependencies}\n```\n"))
}

/// What a reader sees first: the service with its step and compensation.
fn step(example: &str) -> Result<String> {
    const BEGIN: &str = "#[ballet::service(";
    let service = example.split_once(BEGIN).and_then(|(_, rest)| rest.split_once("\n}\n"));
    let (service, _) = service.with_context(|| format!("{EXAMPLE} has no service"))?;
    Ok(format!("{BEGIN}{service}\n}}"))
}

/// It declares two versions of a saga.
fn participant(example: &str) -> Result<String> {
    let declared = example.split_once("pub fn participant(").and_then(|(_, rest)| {
        let (declared, _) = rest.split_once("\n}\n")?;
        Some(format!("pub fn participant({declared}\n}}\n"))
    });
    declared.with_context(|| format!("{VERSIONS_EXAMPLE} declares no participant"))
}

fn read(file: &Path) -> Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// The part stands between the comments `name:begin` and `name:end`.
fn with_part(page: &str, text: &str, name: &str, part: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->\n"));
    let around = text.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let Some((before, after)) = around else {
        bail!("{page} has no lines {begin}and {end}: add them around the part `{name}`");
    };
    Ok(format!("{before}{begin}{part}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let page = "# A\n\n<!-- x:begin -->\nold\n<!-- x:end -->\n\nthe rest\n";
        let new = with_part("A", page, "x", "new\n").expect("marks");
        assert_eq!(new, page.replace("old", "new"));
        assert_eq!(with_part("A", &new, "x", "new\n").expect("marks"), new);
        assert!(with_part("A", "# A\n", "x", "new\n").is_err());
    }
}
