//! `ballet dlq redrive`.

use std::time::Duration;

use anyhow::Result;
use ballet_ops::redrive::{Canary, Fate, Plan, Sending, Taken};

use super::chosen::{Chosen, Planned, Signed, forget, plans, stop_on_ctrl_c};
use super::told;
use crate::exit::Done;
use crate::place::Place;
use crate::ui::{self, Output};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    chosen: Chosen,
    /// All dead letters there are
    #[arg(long, help_heading = "Which")]
    all: bool,
    /// At most so many in a second [default: as fast as it goes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    /// Send none ahead: all at once, whatever becomes of them
    #[arg(long)]
    no_canary: bool,
    /// How long to wait for what becomes of those that are sent ahead, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    patience: u64,
    /// Send those as well of which nobody can tell any more whether they were handled
    #[arg(long)]
    beyond_memory: bool,
    /// Show what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    signed: Signed,
}

/// What came of it, over all services.
#[derive(Debug, Default)]
struct Sum {
    sent: u64,
    handled: u64,
    /// Sent ahead, and dead again.
    dead_again: u64,
    /// Sent ahead, and nobody knows.
    unknown: u64,
    /// Not sent, for whatever reason.
    left: u64,
    stopped: bool,
}

pub(crate) async fn run(args: &Args, place: &Place) -> Result<Done> {
    args.chosen.says_which_or(args.all)?;
    let planned = plans(&args.chosen, place).await?;
    let whole: u64 = planned.iter().map(|planned| planned.plan.letters()).sum();
    if whole == 0 {
        ui::print("there are no such dead letters");
        return Ok(Done::All);
    }
    show(&planned, place);
    let guesses: u64 = planned.iter().map(|planned| planned.plan.beyond_memory()).sum();
    if args.dry_run {
        ui::say(&format!("{} would be sent back; nothing was", ui::letters(whole)));
        if guesses > 0 {
            ui::say(&guess(guesses));
        }
        return Ok(Done::All);
    }
    let beyond_memory = guesses > 0 && (args.beyond_memory || asked(guesses)?);
    let stop = stop_on_ctrl_c();
    let mut sum = Sum::default();
    for mut planned in planned {
        if *stop.borrow() {
            sum.left += planned.plan.letters();
            sum.stopped = true;
            continue;
        }
        let progress = ui::Progress::new(
            &format!("sending to {}", planned.dead.service()),
            planned.plan.letters(),
        );
        let ahead = std::sync::atomic::AtomicU64::new(0);
        let show =
            |done: u64| progress.show(done + ahead.load(std::sync::atomic::Ordering::Relaxed));
        let sending = args.signed.sending(place, stop.clone(), &show);
        let sending = Sending { rate: args.rate, beyond_memory, ..sending };
        let mut canaries = Vec::new();
        let mut taken = Taken::default();
        if !args.no_canary {
            (canaries, taken) = canaries_of(&mut planned, &sending, args, place).await?;
            ahead.store(taken.letters, std::sync::atomic::Ordering::Relaxed);
        }
        if !taken.stopped {
            let rest = planned.dead.letters.redrive(&planned.plan, &sending).await?;
            add(&mut taken, rest);
        }
        drop(progress);
        forget(place, planned.dead.service(), &taken.gone).await?;
        told_canaries(&canaries, place);
        sum.add(&planned.plan, &taken, &canaries);
        for (id, why) in &taken.told {
            ui::say(&format!("{} {id} stays: {why}", ui::bad("note:")));
        }
    }
    Ok(conclude(&sum, guesses > 0 && !beyond_memory, args))
}

async fn canaries_of(
    planned: &mut Planned,
    sending: &Sending<'_>,
    args: &Args,
    place: &Place,
) -> Result<(Vec<Canary>, Taken)> {
    let inbox = place.connect(planned.dead.service()).await?;
    let patience = Duration::from_secs(args.patience);
    let letters = planned.dead.letters.clone();
    Ok(letters.canaries(&mut planned.plan, sending, inbox, patience).await?)
}

fn add(taken: &mut Taken, more: Taken) {
    taken.letters += more.letters;
    taken.refused += more.refused;
    taken.told.extend(more.told);
    taken.gone.extend(more.gone);
    taken.stopped |= more.stopped;
}

impl Sum {
    fn add(&mut self, plan: &Plan, taken: &Taken, canaries: &[Canary]) {
        let count = |fits: &dyn Fn(&Fate) -> bool| {
            canaries.iter().filter(|canary| fits(&canary.fate)).count() as u64
        };
        self.sent += taken.letters;
        self.left += plan.letters().saturating_sub(taken.letters);
        self.handled += count(&|fate| *fate == Fate::Handled);
        self.dead_again += count(&|fate| matches!(fate, Fate::DeadAgain { .. }));
        self.unknown += count(&|fate| *fate == Fate::Unknown);
        self.stopped |= taken.stopped;
    }
}

/// What is about to be sent.
fn show(planned: &[Planned], place: &Place) {
    if place.output != Output::Table {
        return;
    }
    let now = place.clock.now();
    let rows = planned.iter().flat_map(|planned| {
        let groups = planned.plan.groups().biggest_first().into_iter();
        groups.map(|(key, group)| told::group_row(planned.dead.service(), key, group, now))
    });
    ui::print(&ui::table(&told::GROUPS, rows.collect()));
    let renamed: u64 = planned.iter().map(|planned| planned.plan.renamed()).sum();
    if renamed > 0 {
        ui::say(&format!(
            "{} get a new message id, since services take none that is so old; the old one stays \
             in x-original-message-id",
            ui::letters(renamed)
        ));
    }
}

fn guess(guesses: u64) -> String {
    format!(
        "{} are so old that the inbox has forgotten whether they were handled, and no step \
         ledger knows: a subscription might see them a second time",
        ui::letters(guesses)
    )
}

fn asked(guesses: u64) -> Result<bool> {
    ui::say(&guess(guesses));
    if !ui::is_attended() {
        ui::say("they are left out; --beyond-memory sends them as well");
        return Ok(false);
    }
    let answer = ui::ask("Send them as well? [y/N]")?;
    Ok(answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"))
}

fn told_canaries(canaries: &[Canary], place: &Place) {
    if place.output != Output::Table {
        let rows = canaries.iter().map(|canary| {
            let (fate, reason, detail) = match &canary.fate {
                Fate::Handled => ("handled", None, None),
                Fate::DeadAgain { reason, detail } => {
                    ("dead_again", Some(reason.clone()), detail.clone())
                }
                Fate::Unknown => ("unknown", None, None),
            };
            serde_json::json!({ "canary": canary.id, "fate": fate, "reason": reason,
                "detail": detail, "group": canary.group.to_string() })
        });
        ui::print_json(Output::Jsonl, rows.collect());
        return;
    }
    for canary in canaries {
        let group = told::line(Some(&canary.group.to_string()));
        let id = told::short(&canary.id);
        let (mark, fate) = match &canary.fate {
            Fate::Handled => (ui::green("✓"), "was handled".to_owned()),
            Fate::DeadAgain { reason, detail } => {
                let detail = told::line(Some(detail.as_deref().unwrap_or(reason)));
                (ui::red("✗"), format!("is dead again: {detail}"))
            }
            Fate::Unknown => (ui::yellow("?"), "neither handled nor dead yet".to_owned()),
        };
        ui::print(&format!("  {mark} {group}: {id} {fate}"));
    }
}

fn conclude(sum: &Sum, left_out: bool, args: &Args) -> Done {
    let mut said = format!("{} sent back", ui::letters(sum.sent));
    if !args.no_canary {
        said.push_str(&format!(
            "; of those sent ahead {} were handled, {} are dead again",
            sum.handled, sum.dead_again
        ));
    }
    if sum.left > 0 {
        said.push_str(&format!("; {} stay where they are", ui::grouped(sum.left)));
    }
    ui::say(&said);
    if sum.stopped {
        ui::say("stopped before the end; nothing is lost, and the same command goes on");
        return Done::Partly;
    }
    if sum.left == 0 && sum.dead_again == 0 {
        return Done::All;
    }
    if !args.no_canary && sum.left > 0 && !left_out {
        if sum.dead_again > 0 {
            ui::say(
                "groups whose canary died again were left: mend the cause, or the message with \
                 `ballet dlq edit`; --no-canary sends them all the same",
            );
        }
        if sum.unknown > 0 {
            ui::say(
                "groups whose canary was not handled yet were left: is the service running? \
                 Without DATABASE_URL only what follows from a message shows that it was handled; \
                 --patience waits longer, --no-canary sends without",
            );
        }
    }
    if sum.handled == 0 && sum.dead_again > 0 && sum.sent == sum.dead_again {
        return Done::Failed;
    }
    Done::Partly
}
