//! `ballet sagas versions`: each saga's versions, and whether one can be removed.

use anyhow::Result;
use ballet_ops::sagas::{self, SagaVersion, VersionRole};
use ballet_ops::terminal::{Cell, Table};
use serde_json::{Value, json};

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::systems::{services, system};
use crate::base::ui;
use crate::operator::sagas::waits::warn_of;

pub(super) async fn run(options: &GlobalOptions) -> Result<ExitStatus> {
    let databases = options.databases(&services()?)?;
    let (all, away) = sagas::versions(system()?, &databases).await;
    show(&all, options);
    warn_of(&away);
    Ok(if away.is_empty() { ExitStatus::All } else { ExitStatus::Partly })
}

fn show(all: &[SagaVersion], options: &GlobalOptions) {
    let now = options.clock.now();
    let row = |one: &SagaVersion| {
        let SagaVersion { saga, version, open, oldest, role } = one;
        let oldest = oldest.map(|at| at.to_string());
        json!({
            "saga": saga, "version": version, "begins": *role == VersionRole::Begins,
            "open": open, "oldest": oldest, "can_be_removed": *role == VersionRole::Over,
        })
    };
    let cells = |one: &SagaVersion| {
        [
            Cell::from(one.saga),
            Cell::from(one.version.to_string()),
            Cell::from(ui::grouped(one.open)),
            Cell::from(one.oldest.map(|at| ui::ago(Some(at), now))),
            Cell::from(one.role.as_str()),
        ]
    };
    let table = Table::new(["saga", "version", "open", "oldest", "what it is"]).right([1, 2]);
    ui::list(options.output, all, row, "every saga has one version", table, cells);
}

/// Follows the saga's state.
pub(super) fn text(versions: &[(&str, u32)]) -> String {
    versions.iter().map(|(saga, version)| format!(", version {version} of {saga}")).collect()
}

pub(super) fn json(versions: &[(&str, u32)]) -> Value {
    versions.iter().map(|(saga, version)| ((*saga).to_owned(), json!(version))).collect()
}
