//! `ballet dlq list` and `ballet dlq groups`: dead letters one by one, and counted.

use std::collections::BTreeMap;

use anyhow::Result;
use ballet_ops::redrive::{self, DeadLetter};

use crate::dead_letters;
use crate::dlq::render;
use crate::dlq::selection::Selection;
use crate::exit::Done;
use crate::options::GlobalOptions;
use crate::ui::{self, Output, cell};

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    selection: Selection,
    /// Show at most this many
    #[arg(long, default_value_t = 50, value_name = "N", overrides_with = "limit")]
    limit: usize,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Groups {
    #[command(flatten)]
    selection: Selection,
}

/// The latest dead letters, without their bodies.
#[derive(Default)]
struct Latest {
    limit: usize,
    dead_letters: BTreeMap<(i128, u64), DeadLetter>,
    seen: u64,
}

impl Latest {
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

pub(crate) async fn list(args: &List, options: &GlobalOptions) -> Result<Done> {
    let now = options.clock.now();
    let filter = args.selection.filter(now);
    let mut latest = Latest { limit: args.limit.max(1), ..Latest::default() };
    for queue in dead_letters::open(options, &args.selection.service).await? {
        queue.warn_of_readers();
        if queue.status.dead_letters > 0 {
            let add = |dead_letter| {
                if filter.matches(&dead_letter) {
                    latest.add(dead_letter);
                }
            };
            queue.browse(add).await?;
        }
    }
    let Latest { dead_letters, seen, .. } = latest;
    if options.output != Output::Table {
        ui::print_json(options.output, dead_letters.values().rev().map(render::summary).collect());
        return Ok(Done::All);
    }
    if seen == 0 {
        ui::print("no dead letters match");
        return Ok(Done::All);
    }
    let rows = dead_letters.values().rev().map(|dead_letter| {
        vec![
            ballet::core::id::short(dead_letter.id),
            format!("{} ago", ui::ago(dead_letter.dead_at, now)),
            dead_letter.service.clone(),
            ui::yellow(&cell(Some(&dead_letter.reason))),
            cell(dead_letter.step.as_deref()),
            cell(dead_letter.event_type.as_deref()),
            dead_letter.redrives.to_string(),
            cell(dead_letter.detail.as_deref()),
        ]
    });
    let header = ["id", "died", "service", "reason", "step", "event", "redriven", "detail"];
    ui::print(&ui::table(&header, rows.collect()));
    let shown = dead_letters.len() as u64;
    if seen > shown {
        ui::say(&format!(
            "the latest {} of {} are shown; --limit shows more, `ballet dlq groups` counts them",
            ui::grouped(shown),
            ui::grouped(seen)
        ));
    }
    ui::say("show one in full: ballet dlq show <id>; send it back: ballet dlq redrive --id <id>");
    Ok(Done::All)
}

pub(crate) async fn groups(args: &Groups, options: &GlobalOptions) -> Result<Done> {
    let now = options.clock.now();
    let filter = args.selection.filter(now);
    let mut all = Vec::new();
    for queue in dead_letters::open(options, &args.selection.service).await? {
        queue.warn_of_readers();
        let mut groups = redrive::Groups::default();
        if queue.status.dead_letters > 0 {
            let add = |dead_letter| {
                if filter.matches(&dead_letter) {
                    groups.add(&dead_letter);
                }
            };
            queue.browse(add).await?;
        }
        all.push((queue.service().to_owned(), groups));
    }
    let mut rows: Vec<_> = all
        .iter()
        .flat_map(|(service, groups)| {
            groups.biggest_first().into_iter().map(move |(key, group)| (service, key, group))
        })
        .collect();
    rows.sort_by_key(|(_, _, group)| std::cmp::Reverse(group.count));
    if options.output != Output::Table {
        let rows = rows.iter().map(|(service, key, group)| render::group(service, key, group));
        ui::print_json(options.output, rows.collect());
        return Ok(Done::All);
    }
    let Some((service, biggest, _)) = rows.first() else {
        ui::print("no dead letters match");
        return Ok(Done::All);
    };
    let cells =
        rows.iter().map(|(service, key, group)| render::group_row(service, key, group, now));
    ui::print(&ui::table(&render::GROUPS, cells.collect()));
    let mut which = format!("--service {service} --reason {}", biggest.reason);
    for (flag, value) in [("--step", &biggest.step), ("--type", &biggest.event_type)] {
        if let Some(value) = value {
            which.push_str(&format!(" {flag} {}", cell(Some(value))));
        }
    }
    ui::say(&format!("when the cause is fixed: ballet dlq redrive {which}"));
    Ok(Done::All)
}
