//! `cargo xtask degradation`: stops each service under load, and says what still works for the clients
//! of the gateway. `docs/shop/degradation.md` is written from what was seen.

mod load;
mod operation;
mod outage;
mod overdue;
mod page;
mod shop;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::degradation::outage::Outage;
use crate::degradation::overdue::Overdue;
use crate::degradation::shop::Shop;
use crate::system::GATEWAY;
use crate::system::SERVICES;
use ballet_terminal::ui;
use ballet_trials::Stop;

/// The options of the degradation.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Stop only these services, by their names; `gateway` is one.
    #[arg(long, value_name = "SERVICE", value_delimiter = ',', conflicts_with = "write")]
    only: Vec<String>,
    /// Write the page. Without it, the run fails if the page is not what was seen.
    #[arg(long)]
    write: bool,
}

/// Stops each service under load. `root` is the checkout, which has the page.
///
/// # Errors
///
/// Something went otherwise than it must.
pub async fn run(root: &Path, args: &Args) -> Result<ExitCode> {
    let all: Vec<&'static str> = SERVICES.iter().copied().chain([GATEWAY]).collect();
    if let Some(unknown) = args.only.iter().find(|name| !all.contains(&name.as_str())) {
        bail!("there is no service {unknown}, only {}", all.join(", "));
    }
    let chosen = |name: &&str| args.only.is_empty() || args.only.iter().any(|one| one == name);
    let stopped: Vec<&'static str> = all.iter().copied().filter(chosen).collect();
    let mut stop = Stop::listen()?;
    let mut shop = Shop::open(root).await?;
    let outages = tokio::select! {
        outages = Box::pin(all_outages(&mut shop, &stopped)) => Some(outages),
        () = stop.asked() => None,
    };
    let held = matches!(outages, Some(Ok(_)));
    shop.open.close(!held).await?;
    match outages {
        Some(Ok((outages, Some(overdue)))) if args.only.is_empty() => {
            judge(root, &outages, &overdue, args.write)
        }
        Some(Ok(_)) => Ok(ExitCode::SUCCESS),
        Some(Err(error)) => Err(error),
        None => Ok(ExitCode::from(130)),
    }
}

type AllSeen = (Vec<Outage>, Option<Overdue>);

async fn all_outages(shop: &mut Shop, stopped: &[&'static str]) -> Result<AllSeen> {
    let mut outages = Vec::new();
    for name in stopped.iter().copied() {
        let outage = outage::suffer(shop, name).await;
        let outage = outage.with_context(|| format!("while {name} was stopped"))?;
        ui::print(&outage.to_string());
        outages.push(outage);
    }
    if !stopped.contains(&overdue::STOPPED) {
        return Ok((outages, None));
    }
    let overdue = overdue::suffer(shop).await.context("while a deadline passed")?;
    ui::print(&overdue.to_string());
    Ok((outages, Some(overdue)))
}

/// Compares what was seen with the page, or writes it.
fn judge(root: &Path, outages: &[Outage], overdue: &Overdue, write: bool) -> Result<ExitCode> {
    let (file, text) = (root.join(page::FILE), page::text(outages, overdue));
    if write {
        fs::write(&file, text).with_context(|| format!("cannot write {}", page::FILE))?;
        ui::print(&format!("wrote {}", page::FILE));
        return Ok(ExitCode::SUCCESS);
    }
    if fs::read_to_string(&file).ok() == Some(text) {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("{} is not what was seen: run `cargo xtask degradation --write`", page::FILE)
}
