//! The whole shop at work: orders of all kinds, and what became of them.

pub(crate) mod amqp;
pub(crate) mod cases;
pub(crate) mod journal;
mod late;
pub(crate) mod place;
mod rest;
pub(crate) mod service;
pub(crate) mod stage;
pub(crate) mod summary;
mod timeline;

use std::process::ExitCode;

use anyhow::Result;

use crate::stop::Stop;
use crate::ui;
use journal::Tap;
use place::Placed;
use stage::Stage;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// End when everything is shown; succeed only if everything held.
    #[arg(long)]
    once: bool,
    /// How many orders are placed.
    #[arg(long, default_value_t = 300, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    orders: u32,
    /// Keep the services' logs when the demo ends.
    #[arg(long)]
    keep: bool,
}

pub(crate) async fn run(args: &Args) -> Result<ExitCode> {
    let mut stop = Stop::listen()?;
    let mut stage = Stage::new()?;
    let played = tokio::select! {
        played = Box::pin(play(args, &mut stage)) => Some(played),
        () = stop.asked() => None,
    };
    if let Some(Ok(_)) = played
        && !args.once
    {
        ui::say(
            "everything stays up until you press Ctrl-C; a service that you kill is started again",
        );
        tokio::select! {
            watched = stage.watch() => watched?,
            () = stop.asked() => {}
        }
    }
    let held = matches!(played, Some(Ok(true)));
    stage.tear_down(held && !args.keep).await?;
    match played {
        // Whoever waited for the end has seen what held.
        Some(Ok(held)) if held || !args.once => Ok(ExitCode::SUCCESS),
        Some(Ok(_)) => Ok(ExitCode::FAILURE),
        Some(Err(error)) => Err(error),
        None => Ok(ExitCode::from(130)),
    }
}

/// Sets the stage, has the orders placed, waits, and shows what happened; says whether all held.
async fn play(args: &Args, stage: &mut Stage) -> Result<bool> {
    let with_python = place::has_pika().await;
    stage.set().await?;
    let tap = Tap::start(stage.bed()?).await?;
    let placed = Placed::default();
    let late = u32::from(args.orders > 1);
    let cases = cases::cases(args.orders - late);
    if late > 0 {
        late::play(stage, &tap, &placed).await?;
    }
    if !with_python {
        ui::say("examples/producer.py takes no part: it needs python3 with the package pika");
    }
    let rest = rest::wait(stage, &tap, &placed, &cases, with_python).await?;
    let held = summary::show(&tap, &placed, &rest)?;
    if !args.once {
        summary::addresses(stage)?;
    }
    Ok(held)
}
