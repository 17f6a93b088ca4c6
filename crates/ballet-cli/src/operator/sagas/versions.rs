//! `ballet sagas versions`: the versions of each saga, and whether one of them can be removed.

use std::collections::BTreeMap;

use anyhow::Result;
use ballet::core::Graph;
use ballet_ops::sagas;
use ballet_terminal::{Cell, Table};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::base::exit::Done;
use crate::base::options::GlobalOptions;
use crate::base::systems::{services, systems};
use crate::base::ui::{self, Output};
use crate::operator::sagas::waits::warn_of;

/// One version of a saga.
struct Version {
    saga: &'static str,
    version: u32,
    /// Whether sagas begin under it.
    begins: bool,
    open: usize,
    /// When the oldest that is open began.
    oldest: Option<Timestamp>,
}

pub(super) async fn run(options: &GlobalOptions) -> Result<Done> {
    let databases = options.databases(&services())?;
    let (mut all, mut away) = (Vec::new(), Vec::new());
    for system in systems() {
        let found = sagas::open(&system, &databases, SignedDuration::ZERO).await;
        away.extend(found.away);
        let mut open: BTreeMap<(&str, u32), (usize, Timestamp)> = BTreeMap::new();
        for saga in &found.sagas {
            for of in &saga.versions {
                let (count, oldest) = open.entry(*of).or_insert((0, saga.began));
                (*count, *oldest) = (*count + 1, saga.began.min(*oldest));
            }
        }
        let graph = Graph::new(system);
        for saga in graph.sagas() {
            let versions = graph.versions(saga);
            if versions.len() < 2 {
                continue;
            }
            let begun = graph.begun_version(saga);
            all.extend(versions.into_iter().map(|version| {
                let found = open.get(&(saga, version));
                let (open, oldest) = (found.map_or(0, |one| one.0), found.map(|one| one.1));
                Version { saga, version, begins: version == begun, open, oldest }
            }));
        }
    }
    show(&all, away.is_empty(), options);
    warn_of(&away);
    Ok(if away.is_empty() { Done::All } else { Done::Partly })
}

fn show(all: &[Version], is_whole: bool, options: &GlobalOptions) {
    if options.output != Output::Table {
        let row = |one: &Version| {
            let Version { saga, version, begins, open, oldest } = one;
            let oldest = oldest.map(|at| at.to_string());
            json!({
                "saga": saga, "version": version, "begins": begins, "open": open, "oldest": oldest,
                "can_be_removed": can_be_removed(one, all, is_whole),
            })
        };
        ui::print_json(options.output, all.iter().map(row).collect());
        return;
    }
    if all.is_empty() {
        ui::print("every saga has one version");
        return;
    }
    let now = options.clock.now();
    let mut table = Table::new(["saga", "version", "open", "oldest", "what it is"]).right([1, 2]);
    for one in all {
        let is = match one {
            one if one.begins => "sagas begin under it",
            one if can_be_removed(one, all, is_whole) => {
                "it can be removed: none of its sagas is open"
            }
            one if is_old(one, all) => "its sagas end under it",
            _ => "no saga begins under it yet",
        };
        table.row([
            Cell::from(one.saga),
            Cell::from(one.version.to_string()),
            Cell::from(ui::grouped(one.open as u64)),
            Cell::from(one.oldest.map(|at| ui::ago(Some(at), now))),
            Cell::from(is),
        ]);
    }
    ui::show(&table);
}

/// Whether sagas begin under a later version.
fn is_old(one: &Version, all: &[Version]) -> bool {
    all.iter().any(|other| other.saga == one.saga && other.begins && other.version > one.version)
}

/// Nobody can say that for a database that was not read.
fn can_be_removed(one: &Version, all: &[Version], is_whole: bool) -> bool {
    is_whole && one.open == 0 && is_old(one, all)
}

/// The versions of one saga, to follow how it stands.
pub(super) fn words(versions: &[(&str, u32)]) -> String {
    versions.iter().map(|(saga, version)| format!(", version {version} of {saga}")).collect()
}

/// The same as an object.
pub(super) fn json(versions: &[(&str, u32)]) -> Value {
    versions.iter().map(|(saga, version)| ((*saga).to_owned(), json!(version))).collect()
}
