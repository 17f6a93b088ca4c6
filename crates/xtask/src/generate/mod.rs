//! `cargo xtask generate`: writes the files that are made from the services' declarations.

mod conformance;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use ballet_check::{Catalog, choreography, definitions, events};

use crate::process::cargo;
use crate::ui;

const COMMAND: &str = "cargo xtask generate";
const README: &str = "README.md";
const GATEWAY: &str = "crates/gateway/shop.toml";
const EXAMPLE: &str = "examples/loyalty/src/lib.rs";

/// A generated file: its path in the workspace, and its text.
struct Generated {
    path: String,
    text: String,
}

pub(crate) fn run(check: bool) -> Result<ExitCode> {
    let root = cargo::root();
    let mut stale = 0;
    for Generated { path, text } in generated(&root)? {
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

fn generated(root: &Path) -> Result<Vec<Generated>> {
    let graph = shop::graph();
    let problems = graph.problems();
    if !problems.is_empty() {
        let list: Vec<_> = problems.iter().map(ToString::to_string).collect();
        bail!("the choreography of the shop is not sound:\n  {}", list.join("\n  "));
    }
    let catalog = Catalog::new(graph.system(), shop_events::schemas())?;
    let mut all = vec![
        Generated {
            path: "broker/definitions.json".to_owned(),
            text: definitions::text(graph.system(), COMMAND),
        },
        Generated {
            path: "docs/events.md".to_owned(),
            text: events::page(&graph, &catalog, COMMAND),
        },
        Generated {
            path: "docs/choreography.md".to_owned(),
            text: choreography::page(&graph, COMMAND),
        },
    ];
    for (service, document) in shop::documents() {
        let path = format!("docs/openapi/{service}.json");
        all.push(Generated { path, text: document.text() });
    }
    let documents = shop::documents();
    let documents = documents.iter().map(|(service, document)| (*service, document.text()));
    let system = ballet_gateway::document(&root.join(GATEWAY), documents);
    let text = system.map_err(|why| anyhow!("the document of the whole shop: {why}"))?;
    all.push(Generated { path: "docs/openapi/shop.json".to_owned(), text });
    match read(&root.join(README))? {
        Some(readme) => {
            let example = read(&root.join(EXAMPLE))?.with_context(|| format!("no {EXAMPLE}"))?;
            let text = between_marks(&readme, "events", &events::table(&graph, &catalog))?;
            let text = between_marks(&text, "loyalty", &format!("```rust\n{example}```\n"))?;
            all.push(Generated { path: README.to_owned(), text });
        }
        None => ui::say(&format!("there is no {README} for the table of events")),
    }
    let rows = read(&root.join(conformance::PAGE))?.unwrap_or_default();
    all.push(Generated {
        path: conformance::PAGE.to_owned(),
        text: conformance::page(root, &rows)?,
    });
    Ok(all)
}

fn read(file: &Path) -> Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Replaces the text between a page's lines `<!-- name:begin -->` and `<!-- name:end -->`.
fn between_marks(page: &str, name: &str, text: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {name}:begin -->"), format!("<!-- {name}:end -->"));
    let parts = page.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let Some((before, after)) = parts else {
        bail!("{README} has no lines {begin} and {end}: add them around the part `{name}`");
    };
    Ok(format!("{before}{begin}\n{text}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let page = "# A\n\n<!-- x:begin -->\nold\n<!-- x:end -->\n\nthe rest\n";
        let new = between_marks(page, "x", "new\n").expect("marks");
        assert_eq!(new, page.replace("old", "new"));
        assert_eq!(between_marks(&new, "x", "new\n").expect("marks"), new);
        assert!(between_marks("# A\n", "x", "new\n").is_err());
    }
}
