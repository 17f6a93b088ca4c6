//! `ballet dlq list` and `ballet dlq groups`: dead letters singly, and counted.

use std::collections::BTreeMap;

use anyhow::Result;
use ballet_ops::redrive::json;
use ballet_ops::redrive::{self, DeadLetter};
use ballet_ops::terminal::{Cell, Table};

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::ui::{self, Output, shell_word};
use crate::operator::dead_letters;
use crate::operator::dlq::render;
use crate::operator::dlq::selection::DeadLetterSelection;

#[derive(Debug, clap::Args)]
pub(crate) struct DlqListArgs {
    #[command(flatten)]
    selection: DeadLetterSelection,
    /// Show at most this many
    #[arg(long, default_value_t = 50, value_name = "N", overrides_with = "limit")]
    limit: usize,
}

#[derive(Debug, clap::Args)]
pub(crate) struct GroupsArgs {
    #[command(flatten)]
    selection: DeadLetterSelection,
}

#[derive(Default)]
struct LatestDeadLetters {
    limit: usize,
    dead_letters: BTreeMap<(i128, u64), DeadLetter>,
    seen: u64,
}

impl LatestDeadLetters {
    fn add(&mut self, mut dead_letter: DeadLetter) {
        self.seen += 1;
        dead_letter.body = Vec::new();
        let at = dead_letter.dead_at.map_or(0, |at| at.as_nanosecond());
        self.dead_letters.insert((at, self.seen), dead_letter);
        if self.dead_letters.len() > self.limit {
            self.dead_letters.pop_first();
        }
    }
}

pub(crate) async fn list(args: &DlqListArgs, options: &GlobalOptions) -> Result<ExitStatus> {
    let now = options.clock.now();
    let filter = args.selection.filter();
    let mut latest = LatestDeadLetters { limit: args.limit.max(1), ..LatestDeadLetters::default() };
    let services = &args.selection.service;
    dead_letters::read(options, services, &filter, |letter| latest.add(letter)).await?;
    let LatestDeadLetters { dead_letters, seen, .. } = latest;
    let header = ["id", "died", "service", "reason", "step", "event", "redriven", "detail"];
    let table = Table::new(header).right([6]);
    let cells = |dead_letter: &DeadLetter| {
        [
            Cell::from(ballet::core::id::short(dead_letter.id)),
            Cell::from(format!("{} ago", ui::ago(dead_letter.dead_at, now))),
            Cell::from(&dead_letter.service),
            Cell::from(&dead_letter.reason).yellow(),
            Cell::from(dead_letter.step.as_ref()),
            Cell::from(dead_letter.event_type.as_ref()),
            Cell::from(dead_letter.redrives.to_string()),
            Cell::from(dead_letter.detail.as_ref()),
        ]
    };
    let dead_letters: Vec<DeadLetter> = dead_letters.into_values().rev().collect();
    if !ui::list(options.output, &dead_letters, json::summary, render::NONE, table, cells) {
        return Ok(ExitStatus::All);
    }
    let shown = dead_letters.len() as u64;
    if seen > shown {
        ui::say(&format!(
            "the latest {} of {} are shown; --limit shows more, `{} dlq groups` counts them",
            ui::grouped(shown),
            ui::grouped(seen),
            ui::ballet()
        ));
    }
    ui::say(&format!(
        "show one in full: {0} dlq show <id>; send it back: {0} dlq redrive --id <id>",
        ui::ballet()
    ));
    Ok(ExitStatus::All)
}

pub(crate) async fn groups(args: &GroupsArgs, options: &GlobalOptions) -> Result<ExitStatus> {
    let filter = args.selection.filter();
    let mut groups = redrive::DeadLetterGroups::default();
    let services = &args.selection.service;
    let count = |letter| drop(groups.add(&letter));
    dead_letters::read(options, services, &filter, count).await?;
    let mut rows: Vec<_> = groups.all().collect();
    rows.sort_by_key(|(_, group)| std::cmp::Reverse(group.count));
    render::groups(&rows, options);
    let Some((biggest, _)) = rows.first().filter(|_| options.output == Output::Table) else {
        return Ok(ExitStatus::All);
    };
    let which = match biggest.id() {
        Some(id) => format!("--group {id}"),
        None => format!("--reason {}", shell_word(&biggest.reason)),
    };
    ui::say(&match biggest.is_forged() {
        false => format!("when the cause is fixed: {} dlq redrive {which}", ui::ballet()),
        true => {
            format!("they are forged, and never sent back: {} dlq discard {which}", ui::ballet())
        }
    });
    Ok(ExitStatus::All)
}
