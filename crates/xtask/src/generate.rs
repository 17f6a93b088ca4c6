//! Files that are made from what the services declare.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use ballet_check::{Catalog, choreography, definitions, events};

use crate::{cargo, ui};

const COMMAND: &str = "cargo xtask generate";
const README: &str = "README.md";
const BEGIN: &str = "<!-- events:begin -->";
const END: &str = "<!-- events:end -->";

/// A file, by its path in the workspace, and what belongs into it.
struct Made {
    path: &'static str,
    text: String,
}

pub(crate) fn run(check: bool) -> Result<ExitCode> {
    let root = cargo::root();
    let mut stale = 0;
    for Made { path, text } in made(&root)? {
        let file = root.join(path);
        if read(&file)?.as_ref() == Some(&text) {
            continue;
        }
        if check {
            stale += 1;
            ui::say(&format!("{} {path} differs from what the code says", ui::bad("error:")));
            continue;
        }
        if let Some(dir) = file.parent() {
            fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        }
        fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
        ui::print(&format!("wrote {path}"));
    }
    if stale > 0 {
        ui::say(&format!("run `{COMMAND}` and commit what it writes"));
        return Ok(ExitCode::FAILURE);
    }
    ui::print("all generated files are up to date");
    Ok(ExitCode::SUCCESS)
}

fn made(root: &Path) -> Result<Vec<Made>> {
    let graph = shop::graph();
    let problems = graph.problems();
    if !problems.is_empty() {
        let list: Vec<_> = problems.iter().map(ToString::to_string).collect();
        bail!("the choreography of the shop is not sound:\n  {}", list.join("\n  "));
    }
    let catalog = Catalog::new(graph.system(), shop_events::catalog())?;
    let mut all = vec![
        Made { path: "broker/definitions.json", text: definitions::text(graph.system(), COMMAND) },
        Made { path: "docs/events.md", text: events::page(&graph, &catalog, COMMAND) },
        Made { path: "docs/choreography.md", text: choreography::page(&graph, COMMAND) },
    ];
    match read(&root.join(README))? {
        Some(readme) => {
            let text = between_marks(&readme, &events::table(&graph, &catalog))?;
            all.push(Made { path: README, text });
        }
        None => ui::say(&format!("there is no {README} to put the table of events into")),
    }
    Ok(all)
}

fn read(file: &Path) -> Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

fn between_marks(page: &str, table: &str) -> Result<String> {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let Some((before, after)) = parts else {
        bail!("{README} has no lines {BEGIN} and {END}: add them where the events belong");
    };
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let page = format!("# A\n\n{BEGIN}\nold\n{END}\n\nthe rest\n");
        let new = between_marks(&page, "new\n").expect("marks");
        assert_eq!(new, format!("# A\n\n{BEGIN}\nnew\n{END}\n\nthe rest\n"));
        assert_eq!(between_marks(&new, "new\n").expect("marks"), new);
        assert!(between_marks("# A\n", "new\n").is_err());
    }
}
