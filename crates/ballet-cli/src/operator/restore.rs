//! `ballet restore`: brings a service whose database comes from a backup to where the others are.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use ballet::core::Part;
use ballet::core::envelope::Limits;
use ballet_amqp::{Broker, Object};
use ballet_ops::missed::{self, Journal, Missed, MissedEvent};
use ballet_ops::redrive::{DeadLetter, Stop, Waiting};
use ballet_ops::restored::{self, Compared, Difference, ON_ITS_WAY};
use ballet_store::calls::stored::count_open;
use ballet_store::deadlines;
use ballet_store::inbox::backlog::oldest_unhandled;
use ballet_store::inbox::stuck;
use ballet_store::operators::interventions::Act;
use ballet_store::operators::restored::{end_hold, hold_aborts};
use ballet_store::process::{Alive, alive};
use ballet_stream::end;
use ballet_terminal::{Cell, Table};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tokio::time::Instant;

use crate::base::exit::{Done, of_journal, usage, with_advice, without_databases};
use crate::base::moment::Moment;
use crate::base::options::GlobalOptions;
use crate::base::ui::{self, Output};
use crate::operator::dlq::interrupt::stop_on_ctrl_c;
use crate::operator::dlq::missed::{part, remembered, show_missed, warn};
use crate::operator::dlq::sending::Sending;
use crate::operator::interventions::Notes;

/// How long no deadline passes, so that the service first hears what it decided.
const GRACE: SignedDuration = SignedDuration::from_hours(1);
const EVERY: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Restore the database of payments while no process of payments runs. Then:
  ballet restore payments --backup 2026-02-01T12:00:00Z --dry-run
  ballet restore payments --backup 2026-02-01T12:00:00Z     and start payments when it says so

Exit code 3: some sagas cannot be mended; they are listed. docs/operations.md has the whole way.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The service whose database was restored
    #[arg(value_name = "SERVICE")]
    service: String,
    /// The time up to which the restored database has everything: `2026-02-01T12:00:00Z`, or an age such
    /// as `2h`
    #[arg(long, value_name = "TIME")]
    backup: Moment,
    /// Send nothing, and compare what the service published with what its database knows
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    sending: Sending,
}

pub(crate) async fn run(args: &Args, options: &GlobalOptions) -> Result<Done> {
    let floor = options.clock.now() - Limits::default().inbox_window;
    let backup = remembered("--backup", args.backup, floor + ON_ITS_WAY, options)?;
    let (part, broker) = (part(&args.service)?, options.broker()?);
    let Some(mut db) = options.connect(&args.service).await? else {
        return Err(without_databases(&format!(
            "the restored database of {} is needed",
            args.service
        )));
    };
    let Some(until) = end(&broker).await.map_err(of_journal)? else {
        bail!(
            "the journal is empty: nothing in it can bring {} to where the others are",
            args.service
        )
    };
    let mut stop = stop_on_ctrl_c();
    if !args.check {
        let sent = tell_again(args, &part, &broker, backup, &mut db, &stop, options).await?;
        let Some(missed) = sent else { return Ok(Done::Partly) };
        if args.sending.dry_run {
            return Ok(Done::All);
        }
        let (part, missed, broker, stop) = (&part, &missed, &broker, &stop);
        let handled = Handled { args, part, missed, broker, stop, options };
        // Whatever still fails: what is to be compensated does not wait for it.
        handled.but_aborts(&mut db).await?;
        end_hold(&mut db).await?;
        handled.hurry().await?;
        if !handled.all(&mut db).await? {
            return Ok(Done::Partly);
        }
    }
    let progress = ui::Progress::endless("comparing with the journal");
    let show = |read: u64| progress.show(read);
    let compared = tokio::select! {
        compared = restored::compare(broker, &part, backup, until, &mut db, &show) => compared,
        Ok(_) = stop.wait_for(|stop| *stop) => return Ok(Done::Partly),
    };
    drop(progress);
    db.close().await.ok();
    let compared = compared.map_err(with_advice)?;
    tell(&args.service, backup, &compared, options);
    let is_whole = compared.differences.is_empty() && compared.unreadable.is_empty();
    Ok(if is_whole && compared.journal_begins.is_none() { Done::All } else { Done::Different })
}

/// Sends the service what it missed. None if the user stopped it.
async fn tell_again(
    args: &Args,
    part: &Part,
    broker: &Arc<dyn Broker>,
    backup: Timestamp,
    db: &mut PgConnection,
    stop: &Stop,
    options: &GlobalOptions,
) -> Result<Option<Missed>> {
    let service = part.service;
    if alive(db).await? == Alive::Yes {
        return Err(usage(format!(
            "a process of {service} is running on this database: stop it, so that it hears first what \
             it missed (or --check, to compare only)"
        )));
    }
    let floor = options.clock.now() - Limits::default().inbox_window;
    let unhandled = oldest_unhandled(db).await?.map_or(backup, |oldest| oldest.min(backup));
    let begin = (unhandled - ON_ITS_WAY).max(floor);
    let journal = Journal::new(Arc::clone(broker), part.clone(), begin).of_restored();
    let progress = ui::Progress::endless(&format!("searching the journal for {service}"));
    let show = |read: u64| progress.show(read);
    let search_options = args.sending.redrive_options(options, stop.clone(), &show, &|_| {});
    let missed = missed::search(&journal, &search_options, db, floor, Duration::ZERO).await;
    drop(progress);
    let missed = missed.map_err(with_advice)?;
    warn(&missed, service, backup);
    show_missed(&missed, service, options);
    let whole = missed.events().len() as u64;
    if args.sending.dry_run {
        ui::say(&format!("{} would be sent; nothing was sent", ui::counted(whole, "event")));
        return Ok(Some(missed));
    }
    hold_aborts(db, GRACE).await?;
    let put_off = deadlines::put_off_all(db, GRACE).await?;
    if put_off > 0 {
        let deadlines = ui::counted(put_off, "deadline");
        ui::say(&format!("{deadlines} put off, to an hour from now"));
    }
    let progress = ui::Progress::new(&format!("sending to {service}"), whole);
    let show = |done: u64| progress.show(done);
    let notes = Notes::open(service, Act::Redriven, args.sending.note(options), options).await;
    let note = |sent: &DeadLetter| notes.add(sent);
    let send_options = args.sending.redrive_options(options, stop.clone(), &show, &note);
    let summary = missed::send(&journal, &missed, &send_options).await;
    drop(progress);
    notes.close().await;
    let summary = summary.map_err(with_advice)?;
    if summary.stopped || summary.removed < whole {
        ui::say(&format!(
            "{} of {} were sent; nothing is lost, and the same command goes on",
            ui::grouped(summary.removed),
            ui::grouped(whole)
        ));
        return Ok(None);
    }
    ui::say(&format!(
        "{} sent to {service}: start {service} now; this waits until it has handled them",
        ui::counted(whole, "event")
    ));
    Ok(Some(missed))
}

/// Waits until the service has handled what it was sent.
struct Handled<'a> {
    args: &'a Args,
    part: &'a Part,
    missed: &'a Missed,
    broker: &'a Arc<dyn Broker>,
    stop: &'a Stop,
    options: &'a GlobalOptions,
}

impl Handled<'_> {
    /// Waits for all but the aborts, which the service puts off meanwhile.
    async fn but_aborts(&self, db: &mut PgConnection) -> Result<()> {
        let held_back = restored::held_back(self.part);
        let counts = |event: &MissedEvent| !held_back.contains(&*event.event_type);
        self.wait(db, counts).await.map(drop)
    }

    /// Sends the service what it has put off.
    async fn hurry(&self) -> Result<()> {
        if self.missed.events().is_empty() {
            return Ok(());
        }
        let waiting = Waiting { service: self.args.service.clone(), ..Waiting::default() };
        let stop = self.stop.clone();
        let hurry = self.args.sending.redrive_options(self.options, stop, &|_| {}, &|_| {});
        let hurried = waiting.hurry(self.broker, &hurry).await;
        hurried.map(drop).map_err(with_advice)
    }

    /// Waits for all. Returns false if it was not done in time.
    async fn all(&self, db: &mut PgConnection) -> Result<bool> {
        let Some(Left { messages, waiting, calls }) = self.wait(db, |_| true).await? else {
            return Ok(true);
        };
        let waiting = waiting.map_or("an unknown number of".to_owned(), ui::grouped);
        ui::say(&format!(
            "{} {} has {messages} of these events to handle, {waiting} messages in its queue, and \
             {calls} calls to the outside without an answer{}. Once that is done, compare with --check",
            ui::bad("note:"),
            self.args.service,
            failing(db).await?
        ));
        Ok(false)
    }

    /// Waits until nothing is left. Returns what is left if there is no news for too long, or the user
    /// stopped it.
    async fn wait(
        &self,
        db: &mut PgConnection,
        counts: impl Fn(&MissedEvent) -> bool,
    ) -> Result<Option<Left>> {
        let Self { args, missed, stop, .. } = self;
        let session = self.broker.connect("restore").await?;
        let queue = Object::Queue(args.service.clone());
        let whole = missed.events().into_iter().filter(|event| counts(event)).count() as u64;
        let patience = Duration::from_secs(args.sending.patience);
        let progress = ui::Progress::new(&format!("{} handles them", args.service), whole);
        let (mut before, mut news) = (None, Instant::now());
        let left = loop {
            let waiting = session.find(&queue).await?.messages();
            let messages = missed.left_of(db, &counts).await.map_err(with_advice)?;
            let calls = count_open(&mut *db).await?;
            progress.show(whole - messages);
            let left = Left { messages, waiting, calls };
            // Where the user may not count the queue, what is left of these events decides.
            if (waiting.unwrap_or(0), messages, calls) == (0, 0, 0) {
                break None;
            }
            if before != Some(left) {
                (before, news) = (Some(left), Instant::now());
            }
            if news.elapsed() > patience || *stop.borrow() {
                break Some(left);
            }
            tokio::time::sleep(EVERY).await;
        };
        session.close().await;
        Ok(left)
    }
}

/// What a service has not done yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    /// Of what it was sent.
    messages: u64,
    /// In its queue, if that can be seen.
    waiting: Option<u32>,
    /// Calls to the outside without an answer.
    calls: i64,
}

/// Why it does not handle them, if it has failed.
async fn failing(db: &mut PgConnection) -> Result<String> {
    let stuck = stuck::list(db, 1_000).await?;
    let again = stuck.iter().filter_map(|one| Some((one.next_at?, &one.detail))).min();
    let again = again.map_or_else(String::new, |(next, why)| {
        format!(". What failed is tried again, next at {next:.0}: {}", ballet_terminal::plain(why))
    });
    let dead = stuck.iter().filter(|one| one.next_at.is_none()).count();
    let dead = match dead {
        0 => String::new(),
        dead => format!(". {dead} are dead letters: mend the cause, and `ballet dlq redrive` them"),
    };
    Ok(again + &dead)
}

fn tell(service: &str, backup: Timestamp, compared: &Compared, options: &GlobalOptions) {
    let Compared { differences, sagas, others, journal_begins, unreadable } = compared;
    if options.output != Output::Table {
        let row = |one: &Difference| {
            json!({ "saga": one.saga, "published_before": one.before, "now": one.now,
                "waits_for_a_call": one.is_open })
        };
        ui::print_json(options.output, differences.iter().map(row).collect());
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
    let note = ui::bad("note:");
    if let Some(begins) = journal_begins {
        ui::say(&format!("{note} the journal begins at {begins}, later than the backup"));
    }
    if !unreadable.is_empty() {
        ui::say(&format!("{note} {} events of the journal cannot be read", unreadable.len()));
    }
    let others: Vec<String> =
        others.iter().map(|(name, count)| format!("{} of {name}", ui::grouped(*count))).collect();
    if !others.is_empty() {
        ui::say(&format!(
            "{note} whether the database has what it told outside of sagas cannot be seen here: {}; \
             compare copies with `ballet copies check`",
            others.join(", ")
        ));
    }
    let sagas = ui::grouped(*sagas);
    let words = match differences.len() {
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
