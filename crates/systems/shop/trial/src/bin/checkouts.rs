//! Measures orders at a steady rate. `cargo xtask bench gateway` builds and runs it.

use std::time::Duration;

use anyhow::Result;
use ballet_ops::terminal::ui;
use ballet_stage::{Options, Servers};
use clap::Parser;
use shop::load::{OpenShop, checkouts};

#[derive(Debug, Parser)]
struct Args {
    /// The measured seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let time = Duration::from_secs(Args::parse().seconds);
    let servers = Box::pin(Servers::private(Options::durable().progress(ui::say))).await?;
    let shop = Box::pin(OpenShop::open(servers)).await?;
    let measured = tokio::select! {
        took = checkouts::measure(&shop, time) => took.map(Some),
        stopped = tokio::signal::ctrl_c() => stopped.map(|()| None).map_err(Into::into),
    };
    // Also after an error, so that nothing is left running.
    shop.close(measured.is_err()).await?;
    if let Some(took) = measured? {
        ui::print(&took.to_string());
    }
    Ok(())
}
