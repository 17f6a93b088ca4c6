//! The demo: the whole shop at work, with orders of all kinds and their ends.

mod crowd;
mod guide;
mod late_order;
mod orders;
mod placer;
mod quiescence;
mod stage;
mod summary;
mod tap;

use std::process::ExitCode;

use anyhow::Result;
use futures_util::future::OptionFuture;

use crate::cases;
use crate::demo::crowd::Crowd;
use crate::demo::guide::Shown;
use crate::demo::orders::DemoOrders;
use crate::demo::tap::Tap;
use crate::open_shop::OpenShop;
use crate::products;
use crate::system;
use ballet_terminal::ui;
use ballet_trials::Stop;

pub use crate::demo::guide::HINTS;
pub use crate::demo::stage::{open, packages};

/// The options of the demo.
#[derive(Debug, Clone, Copy)]
pub struct Args {
    /// Whether the demo ends after the summary.
    pub once: bool,
    /// The number of orders to place. With 0 there are no customers at all, also later: for a replay.
    pub orders: u32,
    /// Whether the services' logs are kept.
    pub keep: bool,
}

/// Runs the demo of the shop that `shop` opens.
///
/// # Errors
///
/// Returns an error if the shop cannot be opened, or something hangs.
pub async fn run(args: &Args, shop: impl Future<Output = Result<OpenShop>>) -> Result<ExitCode> {
    let mut stop = Stop::listen()?;
    let mut shop = tokio::select! {
        shop = Box::pin(shop) => shop?,
        () = stop.asked() => return Ok(ExitCode::from(130)),
    };
    let mut played = tokio::select! {
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
    let held = matches!(played, Some(Ok((true, _))));
    if let Some(Ok((_, shown))) = &mut played {
        // The console stops before the server of its database.
        drop(shown.take());
    }
    shop.close(!held || args.keep).await?;
    match played {
        // Without --once the summary was shown and the user ended the demo: a success.
        Some(Ok((held, _))) if held || !args.once => Ok(ExitCode::SUCCESS),
        Some(Ok(_)) => Ok(ExitCode::FAILURE),
        Some(Err(error)) => Err(error),
        None => Ok(ExitCode::from(130)),
    }
}

/// Places the orders, waits for them to end, and prints the summary. Returns whether everything held.
async fn play(args: &Args, shop: &mut OpenShop) -> Result<(bool, Option<Shown>)> {
    let with_python = placer::has_pika().await;
    let subject = system::subject();
    let tap = Tap::start(&shop.stage.env, subject.clone()).await?;
    // The tap has to see every version of a product.
    products::publish_all(&shop.merchant.http, &shop.merchant.shop).await?;
    let orders = DemoOrders::default();
    let late = u32::from(args.orders > 1);
    let cases = cases::cases(args.orders - late);
    if late > 0 {
        late_order::play(shop, &tap, &orders).await?;
    }
    if args.orders > 0 && !with_python {
        ui::say("examples/producer.py is left out: it needs python3 with the package pika");
    }
    let quiescent = quiescence::wait(&subject, shop, &tap, &orders, &cases, with_python).await?;
    let held = summary::show(&tap, &orders, &quiescent)?;
    // Printed last, so that it is still on the screen when the user reads.
    if !args.once {
        return Ok((held, Some(guide::show(shop).await?)));
    }
    Ok((held, None))
}
