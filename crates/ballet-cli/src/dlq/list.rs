//! `ballet dlq list` and `groups`.

use std::collections::BTreeMap;

use anyhow::Result;
use ballet_ops::redrive::{self, Letter};

use super::chosen::{Chosen, browse, warn_of_readers};
use super::told;
use crate::exit::Done;
use crate::place::Place;
use crate::ui::{self, Output};

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    chosen: Chosen,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N", overrides_with = "limit")]
    limit: usize,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Groups {
    #[command(flatten)]
    chosen: Chosen,
}

/// Those that died last, without their bodies.
#[derive(Default)]
struct Latest {
    limit: usize,
    letters: BTreeMap<(i128, u64), Letter>,
    seen: u64,
}

impl Latest {
    fn add(&mut self, mut letter: Letter) {
        self.seen += 1;
        letter.body = Vec::new();
        let at = letter.dead_at.map_or(0, |at| at.as_nanosecond());
        self.letters.insert((at, self.seen), letter);
        if self.letters.len() > self.limit {
            self.letters.pop_first();
        }
    }
}

pub(crate) async fn list(args: &List, place: &Place) -> Result<Done> {
    let now = place.clock.now();
    let choice = args.chosen.choice(now);
    let mut latest = Latest { limit: args.limit.max(1), ..Latest::default() };
    for dead in place.dead(&args.chosen.service).await? {
        warn_of_readers(&dead);
        if dead.held.letters > 0 {
            browse(&dead, |letter| {
                if choice.takes(&letter) {
                    latest.add(letter);
                }
            })
            .await?;
        }
    }
    let Latest { letters, seen, .. } = latest;
    if place.output != Output::Table {
        ui::print_json(place.output, letters.values().rev().map(told::summary).collect());
        return Ok(Done::All);
    }
    if seen == 0 {
        ui::print("there are no such dead letters");
        return Ok(Done::All);
    }
    let rows = letters.values().rev().map(|letter| {
        vec![
            told::short(&letter.id.to_string()),
            format!("{} ago", ui::ago(letter.dead_at, now)),
            letter.service.clone(),
            ui::yellow(&told::line(Some(&letter.reason))),
            told::line(letter.step.as_deref()),
            told::line(letter.event_type.as_deref()),
            letter.redrives.to_string(),
            told::line(letter.detail.as_deref()),
        ]
    });
    let header = ["id", "died", "service", "reason", "step", "event", "redriven", "detail"];
    ui::print(&ui::table(&header, rows.collect()));
    let shown = letters.len() as u64;
    if seen > shown {
        ui::say(&format!(
            "these are the last {} of {}; --limit shows more, `ballet dlq groups` sums up",
            ui::grouped(shown),
            ui::grouped(seen)
        ));
    }
    ui::say(
        "one of them in full: ballet dlq show <id>; send it back: ballet dlq redrive --id <id>",
    );
    Ok(Done::All)
}

pub(crate) async fn groups(args: &Groups, place: &Place) -> Result<Done> {
    let now = place.clock.now();
    let choice = args.chosen.choice(now);
    let mut all = Vec::new();
    for dead in place.dead(&args.chosen.service).await? {
        warn_of_readers(&dead);
        let mut groups = redrive::Groups::default();
        if dead.held.letters > 0 {
            browse(&dead, |letter| {
                if choice.takes(&letter) {
                    groups.add(&letter);
                }
            })
            .await?;
        }
        all.push((dead.service().to_owned(), groups));
    }
    let mut rows: Vec<_> = all
        .iter()
        .flat_map(|(service, groups)| {
            groups.biggest_first().into_iter().map(move |(key, group)| (service, key, group))
        })
        .collect();
    rows.sort_by_key(|(_, _, group)| std::cmp::Reverse(group.letters));
    if place.output != Output::Table {
        let rows = rows.iter().map(|(service, key, group)| told::group(service, key, group));
        ui::print_json(place.output, rows.collect());
        return Ok(Done::All);
    }
    let Some((service, biggest, _)) = rows.first() else {
        ui::print("there are no such dead letters");
        return Ok(Done::All);
    };
    let cells = rows.iter().map(|(service, key, group)| told::group_row(service, key, group, now));
    ui::print(&ui::table(&told::GROUPS, cells.collect()));
    let mut which = format!("--service {service} --reason {}", biggest.reason);
    for (flag, value) in [("--step", &biggest.step), ("--type", &biggest.event_type)] {
        if let Some(value) = value {
            which.push_str(&format!(" {flag} {}", told::line(Some(value))));
        }
    }
    ui::say(&format!("when the cause is gone: ballet dlq redrive {which}"));
    Ok(Done::All)
}
