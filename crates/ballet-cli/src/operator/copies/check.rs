//! `ballet copies check`.

use std::time::Duration;

use anyhow::{Context as _, Result};
use ballet_ops::copies::{CopyCheck, CopyDifference};
use ballet_store::copies::state::CopyState;
use ballet_terminal::{Cell, Table};
use serde_json::{Value, json};
use sqlx::Connection;

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::ui::{self, Output, Progress, grouped};
use crate::operator::copies::selection::{
    CopySelection, ServiceCopy, not_shared, reader_and_owner,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: CopySelection,
    /// The time in which rows that differ may become equal, in seconds
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    patience: u64,
    /// Show at most this many rows of a copy
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    limit: usize,
}

pub(super) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let found = args.selection.find(options).await?;
    let mut all = Vec::new();
    let mut done = ExitStatus::All;
    for kept in &found {
        let (mut reader, mut owner) = reader_and_owner(kept, options).await?;
        let CopyState { entity, .. } = &kept.copy;
        let progress = Progress::endless(&format!("comparing {entity} of {}", kept.service));
        let patience = Duration::from_secs(args.patience);
        let check = CopyCheck { patience, most: args.limit.max(1) };
        let report = check.run(&mut reader, &mut owner, entity, |at| progress.show(at)).await;
        drop(progress);
        let context = || format!("{entity} of {}", kept.service);
        let Some(report) = report.with_context(context)? else {
            ui::note(&not_shared(&kept.copy));
            done = ExitStatus::Failed;
            continue;
        };
        if kept.copy.filled_at.is_none() {
            ui::note(&format!("the copy of {entity} in {} is not filled yet", kept.service));
        }
        if report.is_cut {
            ui::note(&format!(
                "more rows of {entity} in {} differ; --limit shows more",
                kept.service
            ));
        }
        if options.output == Output::Table && report.differences.is_empty() {
            ui::print(&format!(
                "{}: {} of {entity} equal those of {}",
                kept.service,
                grouped(report.compared),
                kept.copy.owner
            ));
        }
        if !report.differences.is_empty() {
            done = ExitStatus::Failed;
        }
        all.extend(report.differences.into_iter().map(|one| (kept, one)));
        reader.close().await?;
        owner.close().await?;
    }
    show_differences(&all, options);
    if found.is_empty() && options.output == Output::Table {
        ui::print("no service keeps a copy");
    }
    Ok(done)
}

fn show_differences(all: &[(&ServiceCopy, CopyDifference)], options: &GlobalOptions) {
    if options.output != Output::Table {
        let row = |(kept, one): &(&ServiceCopy, CopyDifference)| -> Value {
            json!({
                "service": kept.service, "entity": kept.copy.entity, "owner": kept.copy.owner,
                "id": one.id, "problem": one.kind.as_str(), "version": one.copy,
                "owner_version": one.owner,
            })
        };
        ui::print_json(options.output, all.iter().map(row));
        return;
    }
    if all.is_empty() {
        return;
    }
    let version = |version: Option<i64>| Cell::from(version.map(|at| at.to_string()));
    let header = ["service", "entity", "problem", "version", "owner's", "id"];
    let mut table = Table::new(header).right([3, 4]);
    for (kept, one) in all {
        table.row([
            Cell::from(&kept.service),
            Cell::from(&kept.copy.entity),
            Cell::from(one.kind.as_str()).yellow(),
            version(one.copy),
            version(one.owner),
            Cell::from(&one.id),
        ]);
    }
    ui::show(&table);
    ui::say("bring a copy anew: ballet copies rebuild --service <service> --entity <entity>");
}
