//! `ballet telemetry`: lists readers' places and losses, and rewinds readers.

use anyhow::{Context as _, Result};
use ballet_ops::terminal::{Cell, Table};
use ballet_store::telemetry::reader_places::{self, MissedOffsets, ReaderPlace, RewindTo};
use clap::Subcommand;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::base::exit::{CommandError, ExitStatus, require_yes, usage};
use crate::base::options::GlobalOptions;
use crate::base::systems::system;
use crate::base::ui::{self, Output};

/// Losses shown per service.
const MOST_MISSED: i64 = 100;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List how far each reader is in each stream, who reads, and what was missed or set aside
    List,
    /// Have a reader read again, from the beginning with its rows deleted, or from a place of your choice
    Rewind(RewindArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct RewindArgs {
    /// The service that reads
    service: String,
    /// The reader, as `ballet telemetry list` names it
    reader: String,
    /// The place to go on from. `first`: the beginning, after the reader's rows are deleted. An offset (with --stream),
    /// or a time such as 2026-11-25T08:00:00Z: nothing is deleted, so the reader counts again what it has counted
    #[arg(long, value_name = "first|OFFSET|TIME")]
    to: String,
    /// Only this stream, by its type and partition, such as playback.heartbeat.v1.0
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// Needed to delete rows: what the streams no longer keep does not come back
    #[arg(long)]
    yes: bool,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(command: Command, options: &GlobalOptions) -> Result<ExitStatus> {
    match command {
        Command::List => list(options).await,
        Command::Rewind(rewind) => run_rewind(&rewind, options).await,
    }
}

async fn connect(service: &str, options: &GlobalOptions) -> Result<PgConnection> {
    options.connect_needed(service, "readers are in the services' databases").await
}

async fn list(options: &GlobalOptions) -> Result<ExitStatus> {
    let known = system()?.parts.iter();
    let mut rows: Vec<(&'static str, ReaderPlace)> = Vec::new();
    let mut missed: Vec<(&'static str, MissedOffsets)> = Vec::new();
    let mut away = Vec::new();
    for part in known.filter(|part| part.readers.iter().any(|one| !one.in_memory)) {
        let service = part.service;
        let context = || format!("the database of {service}");
        let mut db = match connect(service, options).await {
            Ok(db) => db,
            Err(error)
                if matches!(
                    error.downcast_ref(),
                    Some(CommandError::Unreachable(_) | CommandError::Tls(_))
                ) =>
            {
                away.push(format!("{error:#}"));
                continue;
            }
            Err(error) => return Err(error),
        };
        let all = reader_places::all(&mut db).await.with_context(context)?;
        rows.extend(all.into_iter().map(|one| (service, one)));
        let all = reader_places::missed(&mut db, MOST_MISSED).await.with_context(context)?;
        missed.extend(all.into_iter().map(|one| (service, one)));
        db.close().await?;
    }
    if options.output != Output::Table {
        let row = |(service, one): &(&str, ReaderPlace)| {
            json!({
                "service": service, "reader": one.reader, "stream": one.stream,
                "next_offset": one.next_offset, "end_offset": one.end_offset, "behind": one.behind(),
                "process": one.holder, "read": one.read_count, "aside": one.aside_count,
                "missed": one.missed_count, "reset_wanted": one.reset_wanted,
                "last_read_age_seconds": one.age_seconds, "failure": one.failure,
            })
        };
        ui::print_json(options.output, rows.iter().map(row));
        return Ok(ExitStatus::listed_without(&away));
    }
    if rows.is_empty() && away.is_empty() {
        ui::print("no service reads telemetry");
        return Ok(ExitStatus::All);
    }
    let header =
        ["service", "reader", "stream", "next", "behind", "missed", "aside", "process", "state"];
    let mut table = Table::new(header).right([3, 4, 5, 6]);
    for (service, one) in &rows {
        let number = |number: Option<i64>| Cell::from(number.map(|number| number.to_string()));
        let state = match (&one.failure, one.reset_wanted, one.holder) {
            (Some(why), _, _) => Cell::from(why).yellow(),
            (None, true, None) => Cell::from("begins anew when a process reads").yellow(),
            (None, true, Some(_)) => Cell::from("begins anew"),
            (None, false, Some(_)) => Cell::from("reads"),
            (None, false, None) => Cell::from("nobody reads").yellow(),
        };
        table.row([
            Cell::from(*service),
            Cell::from(&one.reader),
            Cell::from(&one.stream),
            number(one.next_offset),
            number(one.behind()),
            number(Some(one.missed_count)),
            number(Some(one.aside_count)),
            number(one.holder),
            state,
        ]);
    }
    ui::show(&table);
    for (service, one) in &missed {
        let MissedOffsets { reader, stream, from_offset, reason, at, .. } = one;
        let what = match (one.to_offset, reason.as_str()) {
            (Some(to), _) => format!(
                "missed at most {} messages of {stream}, offsets {from_offset} to {}: the stream no longer kept them",
                to - from_offset,
                to - 1
            ),
            (None, "made_anew") => format!(
                "missed what it had not read of {stream} from offset {from_offset} on: the stream was made anew, or lost \
                 its newest messages"
            ),
            (None, reason) => format!("missed {stream} from offset {from_offset} on ({reason})"),
        };
        ui::note(&format!("{reader} of {service} {what} ({at})"));
    }
    Ok(ExitStatus::listed_without(&away))
}

async fn run_rewind(rewind: &RewindArgs, options: &GlobalOptions) -> Result<ExitStatus> {
    let to = place(rewind, options)?;
    let (service, reader) = (&rewind.service, &rewind.reader);
    let Some(part) = system()?.parts.iter().find(|part| part.service == service) else {
        return Err(usage(format!("the system has no service `{service}`")));
    };
    let readers = part.readers.iter().filter(|one| !one.in_memory);
    let readers: Vec<&str> = readers.map(|one| one.name).collect();
    // The running release may have a reader that this contract lacks.
    let mut db = connect(service, options).await?;
    let mut rows =
        reader_places::all(&mut db).await.with_context(|| format!("the database of {service}"))?;
    rows.retain(|one| one.reader == *reader);
    if rows.is_empty() {
        return Err(usage(match (readers.contains(&reader.as_str()), readers.is_empty()) {
            (true, _) => {
                format!("{reader} of {service} has not read yet: there is nothing to rewind")
            }
            (false, true) => format!("{service} keeps no rows of telemetry"),
            (false, false) => {
                format!("{service} has no reader `{reader}`: it has {}", readers.join(", "))
            }
        }));
    }
    let streams: Vec<String> = rows.iter().map(|one| one.stream.clone()).collect();
    rows.retain(|one| rewind.stream.as_ref().is_none_or(|only| *only == one.stream));
    if rows.is_empty() {
        let streams = streams.join(", ");
        return Err(usage(format!("{reader} of {service} reads other streams: {streams}")));
    }
    for one in &rows {
        // The reader would silently skip everything up to there.
        if let (RewindTo::Offset(offset), Some(end)) = (to, one.end_offset)
            && offset > end
        {
            return Err(usage(format!("{} ends at offset {end}", one.stream)));
        }
    }
    if to == RewindTo::First && !rewind.dry_run {
        let would = format!(
            "all rows of {reader} in {service} would be deleted, also what the streams no longer keep"
        );
        require_yes(rewind.yes, &would)?;
    }
    if !rewind.dry_run {
        reader_places::rewind(&mut db, reader, rewind.stream.as_deref(), to).await?;
    }
    for one in &rows {
        ui::print(&outcome(rewind, to, one));
    }
    if !rewind.dry_run && rows.iter().all(|one| one.holder.is_none()) {
        ui::note(&format!("nobody reads now: it happens when a process of {service} runs"));
    }
    db.close().await?;
    Ok(ExitStatus::All)
}

fn place(rewind: &RewindArgs, options: &GlobalOptions) -> Result<RewindTo> {
    match (rewind.to.as_str(), rewind.to.parse::<i64>()) {
        ("first", _) if rewind.stream.is_some() => {
            Err(usage("`first` deletes all rows of the reader: leave out --stream"))
        }
        ("first", _) => Ok(RewindTo::First),
        (_, Ok(offset)) if offset >= 0 && rewind.stream.is_some() => Ok(RewindTo::Offset(offset)),
        (_, Ok(_)) => Err(usage("an offset is of one stream, and at least 0: --stream")),
        (time, Err(_)) => {
            let time: jiff::Timestamp = time.parse().map_err(|_| {
                usage("--to is `first`, an offset, or a time such as 2026-11-25T08:00:00Z")
            })?;
            // The reader would skip everything until then.
            if time > options.clock.now() {
                return Err(usage(format!("{time} has not come yet")));
            }
            Ok(RewindTo::Time(time.as_second()))
        }
    }
}

fn outcome(rewind: &RewindArgs, to: RewindTo, one: &ReaderPlace) -> String {
    let (reader, stream) = (&rewind.reader, &one.stream);
    let verb = if rewind.dry_run { "would go on" } else { "goes on" };
    let was =
        one.next_offset.map_or_else(|| "the beginning".to_owned(), |at| format!("offset {at}"));
    let place = match (to, one.next_offset) {
        (RewindTo::First, _) => "the beginning, with its rows deleted".to_owned(),
        (RewindTo::Offset(offset), Some(next)) if offset > next => {
            format!("offset {offset}, and passes over {} that it has not read", offset - next)
        }
        (RewindTo::Offset(offset), _) => format!("offset {offset}"),
        (RewindTo::Time(_), _) => format!("what was published at {}", rewind.to),
    };
    format!("{reader} {verb} in {stream} at {place}; it was at {was}")
}
