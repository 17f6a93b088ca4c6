//! `cargo xtask demo`: the whole shop at work, with orders of all kinds and how they end.

mod around;
mod crowd;
mod late;
mod placing;
mod quiescence;
pub(crate) mod stage;
mod summary;
mod tap;

use std::process::ExitCode;

use anyhow::Result;
use ballet_stage::{Options, Servers};
use futures_util::future::OptionFuture;

use crate::demo::crowd::Crowd;
use crate::demo::stage::Stage;
use crate::demo::tap::Tap;
use crate::harness::cases;
use crate::harness::orders::Orders;
use crate::harness::products;
use crate::joined;
use crate::process::cargo::{self, Profile};
use crate::process::stop::Stop;
use crate::ui;

pub(crate) use crate::demo::around::HINTS;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Exit after the summary, with success only if everything held.
    #[arg(long)]
    once: bool,
    /// The number of orders to place. With 0 nobody buys anything, also later: for a replay.
    #[arg(long, default_value_t = 300, value_name = "N",
          value_parser = clap::value_parser!(u32).range(..=100_000))]
    orders: u32,
    /// Keep the services' logs after the demo.
    #[arg(long)]
    keep: bool,
}

pub(crate) async fn run(args: &Args) -> Result<ExitCode> {
    let mut stop = Stop::listen()?;
    let mut stage = Stage::new("demo")?;
    let played = tokio::select! {
        played = Box::pin(play(args, &mut stage)) => Some(played),
        () = stop.asked() => None,
    };
    if let Some(Ok(_)) = played
        && !args.once
    {
        let crowd = (args.orders > 0).then(|| Crowd::new(&stage));
        let who = if crowd.is_some() { "customers go on buying" } else { "nobody buys anything" };
        ui::say(&format!("{who} until you press Ctrl-C; what you kill is started again"));
        tokio::select! {
            watched = stage.watch() => watched?,
            Some(()) = OptionFuture::from(crowd.as_ref().map(Crowd::shop)) => {}
            () = stop.asked() => {}
        }
    }
    let held = matches!(played, Some(Ok(true)));
    stage.tear_down(held && !args.keep).await?;
    match played {
        // Without --once the summary was shown and the user ended the demo: that is a success.
        Some(Ok(held)) if held || !args.once => Ok(ExitCode::SUCCESS),
        Some(Ok(_)) => Ok(ExitCode::FAILURE),
        Some(Err(error)) => Err(error),
        None => Ok(ExitCode::from(130)),
    }
}

/// Starts everything, places the orders, waits for them to end, and prints the summary. Returns
/// whether everything held.
async fn play(args: &Args, stage: &mut Stage) -> Result<bool> {
    let with_python = placing::has_pika().await;
    ui::say("building the services and the gateway");
    let root = cargo::root();
    let joined = joined::joined(&root)?;
    let packages = stage::packages(&joined::programs(&root, &joined)?);
    let programs = cargo::build(&stage.children, Profile::Dev, &packages).await?;
    let system = joined::with(shop::system(), &joined)?;
    stage.set(&programs, &system, Servers::acquire(Options::durable()).await?).await?;
    let tap = Tap::start(stage.env()?).await?;
    // The tap has to see every version of a product.
    let merchant = stage.merchant()?;
    products::publish_all(&merchant.http, &merchant.shop).await?;
    let orders = Orders::default();
    let late = u32::from(args.orders > 1);
    let cases = cases::cases(args.orders - late);
    if late > 0 {
        late::play(stage, &tap, &orders).await?;
    }
    if args.orders > 0 && !with_python {
        ui::say("examples/producer.py is left out: it needs python3 with the package pika");
    }
    let quiescent = quiescence::wait(stage, &tap, &orders, &cases, with_python).await?;
    let held = summary::show(&tap, &orders, &quiescent)?;
    // Last, so that it is still on the screen when the user reads.
    if !args.once {
        around::show(stage).await?;
    }
    Ok(held)
}
