//! `cargo xtask demo`: the whole shop at work, with orders of all kinds and how they end.

mod around;
mod crowd;
mod late;
mod orders;
mod placing;
mod quiescence;
pub(crate) mod stage;
mod summary;
mod tap;

use std::process::ExitCode;

use anyhow::Result;
use ballet_stage::{Children, Options, Servers};
use futures_util::future::OptionFuture;

use crate::demo::crowd::Crowd;
use crate::demo::orders::Orders;
use crate::demo::tap::Tap;
use crate::harness::open_shop::OpenShop;
use crate::process::cargo::{self, Profile};
use crate::{joined, systems};
use ballet_terminal::ui;
use ballet_trials::Stop;
use shop_load::cases;
use shop_load::products;

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
    let mut shop = tokio::select! {
        shop = Box::pin(open()) => shop?,
        () = stop.asked() => return Ok(ExitCode::from(130)),
    };
    let played = tokio::select! {
        played = Box::pin(play(args, &mut shop)) => Some(played),
        () = stop.asked() => None,
    };
    if let Some(Ok(_)) = played
        && !args.once
    {
        let crowd = (args.orders > 0).then(|| Crowd::new(&shop));
        let who = if crowd.is_some() { "customers go on buying" } else { "nobody buys anything" };
        ui::say(&format!("{who} until you press Ctrl-C; what you kill is started again"));
        tokio::select! {
            watched = shop.watch() => watched?,
            Some(()) = OptionFuture::from(crowd.as_ref().map(Crowd::shop)) => {}
            () = stop.asked() => {}
        }
    }
    let held = matches!(played, Some(Ok(true)));
    shop.close(!held || args.keep).await?;
    match played {
        // Without --once the summary was shown and the user ended the demo: that is a success.
        Some(Ok(held)) if held || !args.once => Ok(ExitCode::SUCCESS),
        Some(Ok(_)) => Ok(ExitCode::FAILURE),
        Some(Err(error)) => Err(error),
        None => Ok(ExitCode::from(130)),
    }
}

/// Builds everything and starts it.
async fn open() -> Result<OpenShop> {
    ui::say("building the services and the gateway");
    let root = cargo::root();
    let joined = joined::joined(&root)?;
    let packages = stage::packages(&joined::programs(&root, &joined)?);
    let programs = cargo::build(&Children::new()?, Profile::Dev, &packages).await?;
    let system = joined::with(shop::system(), &joined)?;
    stage::open("demo", &programs, &system, Servers::acquire(Options::durable()).await?).await
}

/// Places the orders, waits for them to end, and prints the summary. Returns whether everything held.
async fn play(args: &Args, shop: &mut OpenShop) -> Result<bool> {
    let with_python = placing::has_pika().await;
    let subject = systems::shop();
    let tap = Tap::start(&shop.stage.env, subject.clone()).await?;
    // The tap has to see every version of a product.
    products::publish_all(&shop.merchant.http, &shop.merchant.shop).await?;
    let orders = Orders::default();
    let late = u32::from(args.orders > 1);
    let cases = cases::cases(args.orders - late);
    if late > 0 {
        late::play(shop, &tap, &orders).await?;
    }
    if args.orders > 0 && !with_python {
        ui::say("examples/producer.py is left out: it needs python3 with the package pika");
    }
    let quiescent = quiescence::wait(&subject, shop, &tap, &orders, &cases, with_python).await?;
    let held = summary::show(&tap, &orders, &quiescent)?;
    // Last, so that it is still on the screen when the user reads.
    if !args.once {
        around::show(shop).await?;
    }
    Ok(held)
}
