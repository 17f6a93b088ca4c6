//! `ballet copies`: lists the copies that services keep of each other's entities, compares them with
//! their sources, and has them brought anew.

use std::time::Duration;

use anyhow::{Context as _, Result};
use ballet_ops::copies::{self, Check, Copy, Difference, Rebuild};
use clap::Subcommand;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

use crate::exit::{Done, usage};
use crate::options::GlobalOptions;
use crate::systems::systems;
use crate::ui::{self, Output, Progress, cell, grouped};

/// The time between two looks at a run.
const LOOK: Duration = Duration::from_millis(300);

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List which service copies what, from whom, how much, and how far it is behind
    List(Selection),
    /// Compare copies with their sources, and name the rows that differ
    Check(CheckArgs),
    /// Have the owner publish all entities anew
    Rebuild(RebuildArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Selection {
    /// Only the copies of this service [default: all known services]
    #[arg(long, value_name = "NAME", help_heading = "Selection")]
    service: Vec<String>,
    /// Only copies of this entity
    #[arg(long, value_name = "NAME", help_heading = "Selection")]
    entity: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    selection: Selection,
    /// How long rows that differ may take to become equal, in seconds
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    patience: u64,
    /// Show at most this many rows of a copy
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    limit: usize,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RebuildArgs {
    #[command(flatten)]
    selection: Selection,
    /// Empty the copy first: needed if the owner's data were set back to an older state, or if the
    /// owner forgot entities
    #[arg(long)]
    empty: bool,
    /// Ask for it, and do not wait
    #[arg(long)]
    no_wait: bool,
    /// Stop waiting when nothing has come for so long, in seconds
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    patience: u64,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// A copy, with the database of the service that keeps it.
struct Kept {
    service: String,
    copy: Copy,
}

pub(crate) async fn run(command: Command, options: &GlobalOptions) -> Result<Done> {
    match command {
        Command::List(selection) => list(&selection, options).await,
        Command::Check(args) => check(&args, options).await,
        Command::Rebuild(args) => rebuild(&args, options).await,
    }
}

impl Selection {
    /// Finds the copies in the services' databases.
    async fn find(&self, options: &GlobalOptions) -> Result<Vec<Kept>> {
        let mut services = self.service.clone();
        if services.is_empty() {
            let known = systems().into_iter().flat_map(|system| system.parts);
            services = known.map(|part| part.service.to_owned()).collect();
        }
        let mut found = Vec::new();
        for service in services {
            let mut db = connect(&service, options).await?;
            let copies = copies::copies(&mut db).await;
            let copies = copies.with_context(|| format!("the database of {service}"))?;
            db.close().await?;
            let wanted = |copy: &Copy| self.entity.is_empty() || self.entity.contains(&copy.entity);
            let of_service = copies.into_iter().filter(wanted);
            found.extend(of_service.map(|copy| Kept { service: service.clone(), copy }));
        }
        Ok(found)
    }
}

async fn connect(service: &str, options: &GlobalOptions) -> Result<PgConnection> {
    options.connect(service).await?.ok_or_else(|| {
        usage(
            "copies are in the services' databases: set DATABASE_URL, with {service} in place of \
             the service's name",
        )
    })
}

/// The databases of a copy's reader and of its owner.
async fn both(kept: &Kept, options: &GlobalOptions) -> Result<(PgConnection, PgConnection)> {
    Ok((connect(&kept.service, options).await?, connect(&kept.copy.owner, options).await?))
}

fn not_shared(copy: &Copy) -> String {
    let Copy { entity, owner, .. } = copy;
    format!("{owner} does not share {entity}: no release of it that does has started yet")
}

async fn list(selection: &Selection, options: &GlobalOptions) -> Result<Done> {
    let found = selection.find(options).await?;
    let mut rows = Vec::with_capacity(found.len());
    for kept in &found {
        let owner = &kept.copy.owner;
        let mut db = connect(owner, options).await?;
        let share = copies::share(&mut db, &kept.copy.entity).await;
        rows.push((kept, share.with_context(|| format!("the database of {owner}"))?));
        db.close().await?;
    }
    let behind = |kept: &Kept, share: &Option<copies::Share>| {
        share.as_ref().map(|share| share.versions.saturating_sub(kept.copy.versions).max(0))
    };
    if options.output != Output::Table {
        let row = |(kept, share): &(&Kept, Option<copies::Share>)| {
            let Copy { entity, owner, entities, filled_at, .. } = &kept.copy;
            json!({
                "service": kept.service, "entity": entity, "owner": owner, "entities": entities,
                "owner_entities": share.as_ref().map(|share| share.entities),
                "events_behind": behind(kept, share),
                "filled_at": filled_at.map(|at| at.to_string()),
                "failure": share.as_ref().and_then(|share| share.failure.clone()),
            })
        };
        ui::print_json(options.output, rows.iter().map(row).collect());
        return Ok(Done::All);
    }
    if rows.is_empty() {
        ui::print("no service keeps a copy");
        return Ok(Done::All);
    }
    let now = options.clock.now();
    let row = |(kept, share): &(&Kept, Option<copies::Share>)| {
        let copy = &kept.copy;
        let number = |number: i64| grouped(number.unsigned_abs());
        let state = match (copy.filled_at, share.as_ref().map(|share| &share.failure)) {
            (_, None) => not_shared(copy),
            (_, Some(Some(failure))) => format!("the owner cannot publish: {failure}"),
            (Some(at), _) => format!("filled {} ago", ui::ago(Some(at), now)),
            (None, _) => match copy.pages {
                Some(pages) => format!("being filled: {} of {pages} pages", copy.seen),
                None => format!("being filled: {} pages", copy.seen),
            },
        };
        let events = behind(kept, share).map(|events| match events {
            0 => "0".to_owned(),
            1 => "1 event".to_owned(),
            events => format!("{} events", number(events)),
        });
        vec![
            kept.service.clone(),
            copy.entity.clone(),
            copy.owner.clone(),
            number(copy.entities),
            cell(events.as_deref()),
            cell(Some(&state)),
        ]
    };
    let header = ["service", "copies", "of", "entities", "behind", "state"];
    ui::print(&ui::table(&header, rows.iter().map(row).collect()));
    Ok(Done::All)
}

async fn check(args: &CheckArgs, options: &GlobalOptions) -> Result<Done> {
    let found = args.selection.find(options).await?;
    let mut all = Vec::new();
    let mut done = Done::All;
    for kept in &found {
        let (mut reader, mut owner) = both(kept, options).await?;
        let Copy { entity, .. } = &kept.copy;
        let progress = Progress::endless(&format!("comparing {entity} of {}", kept.service));
        let patience = Duration::from_secs(args.patience);
        let check = Check { patience, most: args.limit.max(1) };
        let report = check.run(&mut reader, &mut owner, entity, |at| progress.show(at)).await;
        drop(progress);
        let context = || format!("{entity} of {}", kept.service);
        let Some(report) = report.with_context(context)? else {
            ui::say(&format!("{} {}", ui::bad("note:"), not_shared(&kept.copy)));
            done = Done::Failed;
            continue;
        };
        if kept.copy.filled_at.is_none() {
            ui::say(&format!(
                "{} the copy of {entity} in {} is not filled yet",
                ui::bad("note:"),
                kept.service
            ));
        }
        if report.is_cut {
            ui::say(&format!(
                "{} more rows of {entity} in {} differ; --limit shows more",
                ui::bad("note:"),
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
            done = Done::Failed;
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

fn show_differences(all: &[(&Kept, Difference)], options: &GlobalOptions) {
    if options.output != Output::Table {
        let row = |(kept, one): &(&Kept, Difference)| -> Value {
            json!({
                "service": kept.service, "entity": kept.copy.entity, "owner": kept.copy.owner,
                "id": one.id, "problem": one.kind.as_str(), "version": one.copy,
                "owner_version": one.owner,
            })
        };
        ui::print_json(options.output, all.iter().map(row).collect());
        return;
    }
    if all.is_empty() {
        return;
    }
    let version = |version: Option<i64>| cell(version.map(|at| at.to_string()).as_deref());
    let rows = all.iter().map(|(kept, one)| {
        vec![
            kept.service.clone(),
            kept.copy.entity.clone(),
            ui::yellow(one.kind.as_str()),
            version(one.copy),
            version(one.owner),
            cell(Some(&one.id)),
        ]
    });
    let header = ["service", "entity", "problem", "version", "owner's", "id"];
    ui::print(&ui::table(&header, rows.collect()));
    ui::say("bring a copy anew: ballet copies rebuild --service <service> --entity <entity>");
}

async fn rebuild(args: &RebuildArgs, options: &GlobalOptions) -> Result<Done> {
    if args.selection.service.is_empty() {
        return Err(usage("say whose copies: --service"));
    }
    let found = args.selection.find(options).await?;
    if found.is_empty() {
        ui::print("no copy matches");
        return Ok(Done::Failed);
    }
    let mut done = Done::All;
    for kept in &found {
        let Copy { entity, owner, entities, .. } = &kept.copy;
        if args.dry_run {
            let emptied = if args.empty { ", which is emptied first," } else { "" };
            ui::print(&format!(
                "{owner} would publish every {entity} anew for the copy in {}{emptied} with {} \
                 entities",
                kept.service,
                grouped(entities.unsigned_abs())
            ));
            continue;
        }
        done = match (done, rebuild_one(kept, args, options).await?) {
            (Done::All, of_this) => of_this,
            (Done::Failed, _) | (_, Done::Failed) => Done::Failed,
            (Done::Partly, _) => Done::Partly,
        };
    }
    Ok(done)
}

async fn rebuild_one(kept: &Kept, args: &RebuildArgs, options: &GlobalOptions) -> Result<Done> {
    let Copy { entity, owner: from, .. } = &kept.copy;
    let (mut reader, mut owner) = both(kept, options).await?;
    let Some(share) = copies::share(&mut owner, entity).await? else {
        ui::say(&format!("{} {}", ui::bad("error:"), not_shared(&kept.copy)));
        return Ok(Done::Failed);
    };
    if args.empty {
        Rebuild::empty(&mut reader, entity).await?;
    }
    let Some(mut rebuild) = Rebuild::request(&mut owner, entity).await? else {
        ui::say(&format!("{} {}", ui::bad("error:"), not_shared(&kept.copy)));
        return Ok(Done::Failed);
    };
    if args.no_wait {
        ui::print(&format!("{from} was asked to publish every {entity} anew"));
        return Ok(Done::All);
    }
    let bar = Progress::new(
        &format!("{entity} of {from} for {}", kept.service),
        share.entities.unsigned_abs(),
    );
    let mut last = None;
    let mut moved = Instant::now();
    let mut failed = None;
    loop {
        let progress = rebuild.progress(&mut reader, &mut owner).await?;
        if progress.is_done {
            break;
        }
        bar.show(progress.published.unsigned_abs());
        if let Some(failure) = progress.failure.clone().filter(|_| failed != progress.failure) {
            ui::say(&format!("{} {from} cannot publish: {failure}", ui::bad("note:")));
            failed = Some(failure);
        }
        if last.as_ref() != Some(&progress) {
            moved = Instant::now();
            last = Some(progress);
        }
        if moved.elapsed() > Duration::from_secs(args.patience) {
            drop(bar);
            ui::say(&format!(
                "nothing has come for {} s; {from} goes on when it can, and `ballet copies list` \
                 shows how far it is",
                args.patience
            ));
            return Ok(Done::Partly);
        }
        sleep(LOOK).await;
    }
    drop(bar);
    let published = last.map_or(share.entities, |last| last.published.max(share.entities));
    ui::print(&format!(
        "{} has every {entity} of {from}: {}",
        kept.service,
        grouped(published.unsigned_abs())
    ));
    Ok(Done::All)
}
