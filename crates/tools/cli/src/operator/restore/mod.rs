//! `ballet restore`: brings a service with a restored database to where the others are.

mod handling;
mod hold;

use std::slice;
use std::time::Duration;

use anyhow::{Result, bail};
use ballet::core::MessageId;
use ballet_ops::missed::{self, Consumer, MissedEvents, Witnesses};
use ballet_ops::redrive::Stop;
use ballet_ops::restored::{self, ON_ITS_WAY, RestoreComparison, SagaDifference};
use ballet_ops::stream::end;
use ballet_ops::terminal::{Cell, Table};
use ballet_store::inbox::backlog::oldest_unhandled;
use ballet_store::inbox::failures;
use ballet_store::operators::interventions::insert_again;
use ballet_store::operators::restored_database::end_hold;
use ballet_store::process::{Liveness, alive};
use jiff::Timestamp;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::base::exit::{ExitStatus, of_journal, usage, with_advice};
use crate::base::options::GlobalOptions;
use crate::base::time_or_age::TimeOrAge;
use crate::base::ui::{self, Output};
use crate::operator::dlq::interrupt::stop_on_ctrl_c;
use crate::operator::dlq::send_args::SendArgs;
use crate::operator::missed_events::{
    floor, part, search, show_missed, time_in_memory, warn, witnesses,
};
use crate::operator::restore::handling::HandlingWatch;
use crate::operator::restore::hold::{GRACE, hold};

const EXAMPLES: &str = "\
Restore the database of payments while no process of payments runs. Then:
  ballet restore payments --backup 2026-02-01T12:00:00Z --dry-run
  ballet restore payments --backup 2026-02-01T12:00:00Z     and start payments when it says so

Exit code 3: some sagas cannot be mended; they are listed. Or it could not do all, and said why.
docs/operations.md describes the whole procedure.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The service whose database was restored
    #[arg(value_name = "SERVICE")]
    service: String,
    /// The time up to which the restored database has everything: `2026-02-01T12:00:00Z`, or an age such
    /// as `2h`
    #[arg(long, value_name = "TIME")]
    backup: TimeOrAge,
    /// Send nothing, and compare what the service published with what its database knows
    #[arg(long)]
    check: bool,
    /// Wait at most this many seconds for a started service that makes no progress
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=86_400))]
    patience: u64,
    #[command(flatten)]
    sending: SendArgs,
}

pub(crate) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let floor = floor(options);
    let backup = time_in_memory("--backup", args.backup, floor + ON_ITS_WAY, options)?;
    let (part, broker) = (part(&args.service)?, options.broker()?);
    let mut db = options
        .connect_needed(
            &args.service,
            &format!("the restored database of {} is needed", args.service),
        )
        .await?;
    let Some(until) = end(&broker).await.map_err(of_journal)? else {
        bail!(
            "the journal is empty: nothing in it can bring {} to where the others are",
            args.service
        )
    };
    let mut stop = stop_on_ctrl_c();
    if !args.check && alive(&mut db).await? == Liveness::Yes {
        return Err(usage(format!(
            "a process of {0} is running on this database: stop it, so that it hears first what \
             it missed (or --check, to compare only)",
            args.service
        )));
    }
    let unhandled = oldest_unhandled(&mut db).await?.map_or(backup, |oldest| oldest.min(backup));
    let begin = (unhandled - ON_ITS_WAY).max(floor);
    let witnesses = witnesses(begin, options)?;
    let progress = ui::Progress::endless(&format!("searching the journal for {}", args.service));
    let show = |read: u64| progress.show(read);
    let search_options = args.sending.redrive_options(options, stop.clone(), &show);
    let consumer = Consumer { part: &part, inbox: &mut db, is_restored: true };
    let found = search(&witnesses, consumer, &search_options, floor, Duration::ZERO).await?;
    let Some(missed) = found else { return Ok(ExitStatus::Partly) };
    drop(progress);
    warn(slice::from_ref(&missed), backup);
    if !args.check {
        show_missed(&missed, options);
        if args.sending.dry_run {
            let whole = ui::counted(missed.events().len(), "event");
            ui::say(&format!("{whole} would be sent; nothing was sent"));
            return Ok(ExitStatus::All);
        }
        if !tell_again(&witnesses, &missed, args, backup, &mut db, &stop, options).await? {
            return Ok(ExitStatus::Partly);
        }
        let handled =
            HandlingWatch::new(&part, &missed, &broker, args, &stop, backup, &mut db).await?;
        // An earlier abort would cover them, and their effects outside would stay.
        if !handled.wait_for_all_but_aborts(&mut db, GRACE.unsigned_abs()).await? {
            return Ok(ExitStatus::Partly);
        }
        end_hold(&mut db).await?;
        handled.hurry(options).await?;
        if !handled.wait_for_all(&mut db, GRACE.unsigned_abs()).await? {
            return Ok(ExitStatus::Partly);
        }
    }
    let progress = ui::Progress::endless("comparing with the journal");
    let show = |read: u64| progress.show(read);
    let compared = tokio::select! {
        compared = restored::compare(broker, &part, backup, until, &mut db, &show) => compared,
        Ok(_) = stop.wait_for(|stop| *stop) => return Ok(ExitStatus::Partly),
    };
    drop(progress);
    db.close().await.ok();
    let compared = compared.map_err(with_advice)?;
    tell(&args.service, backup, &compared, &missed, options);
    if !compared.differences.is_empty()
        || !compared.unreadable.is_empty()
        || compared.journal_begins.is_some()
        || missed.gaps.lost > 0
        || !missed.gaps.away.is_empty()
    {
        return Ok(ExitStatus::Different);
    }
    if missed.is_held && !args.check {
        // The first note was printed before the wait, which may have been long.
        ui::note(&format!(
            "another program was reading {0}.dead: what was purged from it was not sent, and what persons have \
             discarded since the backup is not noted. End it, stop {0}, and run the same command again",
            args.service
        ));
        return Ok(ExitStatus::Partly);
    }
    Ok(ExitStatus::All)
}

/// Returns false if the user stopped it.
async fn tell_again(
    witnesses: &Witnesses,
    missed: &MissedEvents,
    args: &Args,
    backup: Timestamp,
    db: &mut PgConnection,
    stop: &Stop,
    options: &GlobalOptions,
) -> Result<bool> {
    let (service, whole) = (missed.service(), missed.events().len() as u64);
    // Only the journal says that people gave these up.
    let given_up: Vec<_> = missed.discarded.iter().map(|one| MessageId(one.message_id)).collect();
    failures::forget(db, &given_up).await?;
    insert_again(db, &missed.discarded).await?;
    let put_off = hold(db, backup).await?;
    if put_off > 0 {
        let deadlines = ui::counted(put_off, "deadline");
        ui::say(&format!("{deadlines} put off, to an hour from now"));
    }
    let progress = ui::Progress::new(&format!("sending to {service}"), whole);
    let show = |done: u64| progress.show(done);
    let send_options = args.sending.redrive_options(options, stop.clone(), &show);
    let summary = missed::send(witnesses, missed, &send_options).await;
    drop(progress);
    let summary = summary.map_err(with_advice)?;
    if let Some(error) = &summary.error {
        ui::note(&format!("the rest was not sent: {error}"));
    }
    if summary.stopped || summary.removed < whole {
        ui::say(&format!(
            "{} of {} were sent; nothing is lost, and the same command goes on",
            ui::grouped(summary.removed),
            ui::grouped(whole)
        ));
        return Ok(false);
    }
    // The sending may have taken long.
    hold(db, backup).await?;
    ui::say(&format!(
        "{} sent to {service}: start {service} now; this waits until it has handled them",
        ui::counted(whole, "event")
    ));
    Ok(true)
}

fn tell(
    service: &str,
    backup: Timestamp,
    compared: &RestoreComparison,
    missed: &MissedEvents,
    options: &GlobalOptions,
) {
    let RestoreComparison { differences, sagas, others, journal_begins, unreadable } = compared;
    if options.output != Output::Table {
        let row = |one: &SagaDifference| {
            json!({ "saga": one.saga, "published_before": one.before, "now": one.now,
                "waits_for_a_call": one.is_open })
        };
        ui::print_json(options.output, differences.iter().map(row));
    } else if !differences.is_empty() {
        let mut table = Table::new(["saga", "others have heard", "the database has instead"]);
        for one in differences {
            let now = match (&one.now[..], one.is_open) {
                (_, true) => "a call without an answer".to_owned(),
                ([], false) => "nothing".to_owned(),
                (now, false) => now.join(", "),
            };
            table.row([
                Cell::from(one.saga.to_string()),
                Cell::from(one.before.join(", ")),
                Cell::from(now),
            ]);
        }
        ui::show(&table);
    }
    if let Some(begins) = journal_begins {
        ui::note(&format!("the journal begins at {begins}, later than the backup"));
    }
    if !unreadable.is_empty() {
        ui::note(&format!("{} events of the journal cannot be read", unreadable.len()));
    }
    let others: Vec<String> =
        others.iter().map(|(name, count)| format!("{} of {name}", ui::grouped(*count))).collect();
    if !others.is_empty() {
        ui::note(&format!(
            "whether the database has what it told outside of sagas cannot be seen here: {}; \
             `ballet copies rebuild` brings copies anew",
            others.join(", ")
        ));
    }
    let sagas = ui::grouped(*sagas);
    let words = match differences.len() {
        0 if missed.gaps.lost > 0 => format!(
            "{service} knows what the journal has of what it published, in {sagas} sagas; what the broker has lost \
             cannot be compared"
        ),
        0 => format!("{service} knows what it published in {sagas} sagas since the backup"),
        number => format!(
            "{number} of {sagas} sagas differ. What still differs after a restore has sent all that was \
             missed cannot be mended from the journal: a saga that began with a request to {service}, \
             or one that it decided otherwise this time. `ballet tap --since {backup} --saga <saga>` \
             shows what was published"
        ),
    };
    ui::say(&words);
}
