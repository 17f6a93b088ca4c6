//! `cargo xtask flaws`: makes flaws in the declarations and the handlers of the three systems, and sees what finds them.

mod choose;
mod contracts;
mod declarations;
mod handlers;
mod judged;
mod judges;
mod page;
mod rounds;
mod tree;
mod verdicts;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum as _;

use crate::cargo;
use crate::flaws::choose::in_turn;
use crate::flaws::contracts::Contracts;
use crate::flaws::declarations::found::Declaration;
use crate::flaws::handlers::Handler;
use crate::flaws::judged::Judged;
use crate::flaws::judges::DeclarationJudges;
use crate::flaws::tree::{Tree, head};
use crate::flaws::verdicts::Verdicts;
use crate::say::{print, say};
use crate::systems::SystemName;

const PAGE: &str = "docs/flaws.md";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The number that the choice of flaws follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Flaws in declarations.
    #[arg(long, default_value_t = 100)]
    declarations: usize,
    /// Flaws in handlers. All of them take hours.
    #[arg(long, default_value_t = 100)]
    handlers: usize,
    /// Only flaws whose kind has these words; the page is printed and not written.
    #[arg(long, value_name = "KIND")]
    only: Option<String>,
    /// So many of each part; the page is printed and not written.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

impl Args {
    fn has(&self, kind: &str) -> bool {
        self.only.as_ref().is_none_or(|only| kind.contains(only.as_str()))
    }

    fn number(&self, asked: usize) -> usize {
        self.limit.map_or(asked, |limit| limit.min(asked))
    }
}

/// Fails if something was found in what is right; what nothing finds fails nothing.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let folder = cargo::target()?.join("flaws");
    let declarations = declarations(args, &folder)?;
    let handlers = handlers(args, &folder)?;
    let page = page::page(args.seed, &declarations, &handlers)?;
    if args.only.is_some() || args.limit.is_some() {
        print(&page);
    } else {
        let file = cargo::root().join(PAGE);
        fs::write(&file, page).with_context(|| format!("cannot write {}", file.display()))?;
        say(&format!("{PAGE} is written"));
    }
    Ok(ExitCode::SUCCESS)
}

fn declarations(args: &Args, folder: &Path) -> Result<Vec<Judged>> {
    let number = args.number(args.declarations);
    if number == 0 {
        return Ok(Vec::new());
    }
    let systems = SystemName::value_variants().iter();
    let systems = systems.map(|system| Contracts::read(system.as_str()));
    let systems = systems.collect::<Result<Vec<_>>>()?;
    let judges = DeclarationJudges::new(&folder.join("declarations"))?;
    let right = systems.iter().map(|system| judges.on_right(system)).collect::<Result<Vec<_>>>()?;
    let mut found: Vec<Declaration> = systems.iter().flat_map(declarations::find).collect();
    found.retain(|flaw| args.has(flaw.kind));
    let mut judged = Vec::new();
    let chosen = in_turn(found, args.seed, |flaw| flaw.kind, |flaw| flaw.place.clone());
    for flaw in chosen.into_iter().take(number) {
        let at = systems.iter().position(|system| system.system == flaw.system);
        let at = at.context("a flaw of an unknown system")?;
        let one = judges.judge(&flaw, &systems[at], &right[at])?;
        one.show(judged.len() + 1, number);
        judged.push(one);
    }
    Ok(judged)
}

fn handlers(args: &Args, folder: &Path) -> Result<Vec<Judged>> {
    let number = args.number(args.handlers);
    if number == 0 {
        return Ok(Vec::new());
    }
    let mut tree = Tree::new(folder)?;
    let verdicts = Verdicts::open(folder.join("verdicts.json"), head()?);
    let mut found: Vec<Handler> = Vec::new();
    for system in SystemName::value_variants() {
        found.extend(handlers::find(tree.root(), system.as_str())?);
    }
    found.retain(|flaw| args.has(flaw.kind));
    ensure!(!found.is_empty(), "no handler has a place for such a flaw");
    let found = in_turn(found, args.seed, |flaw| flaw.kind, Handler::name);
    let judged = rounds::judge(&mut tree, found, number, verdicts)?;
    tree.stop()?;
    Ok(judged)
}
