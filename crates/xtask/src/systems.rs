//! The systems of the project, which the trials are for.

use std::process::ExitCode;

use anyhow::Result;
use ballet_stage::{Children, Options, Servers};
use ballet_terminal::ui;
use shop_load::{OpenShop, demo};

pub(crate) use shop_load::{served, subject as shop};

use crate::joined;
use crate::process::cargo::{self, Profile};

/// The demo of the shop, from the programs of its services.
pub(crate) async fn demo(args: &demo::Args) -> Result<ExitCode> {
    demo::run(args, open()).await
}

/// Builds everything and starts it.
async fn open() -> Result<OpenShop> {
    ui::say("building the services and the gateway");
    let root = cargo::root();
    let joined = joined::joined(&root)?;
    let packages = demo::packages(&joined::programs(&root, &joined)?);
    let programs = cargo::build(&Children::new()?, Profile::Dev, &packages).await?;
    let system = joined::with(shop::system(), &joined)?;
    let servers = Servers::acquire(Options::durable()).await?;
    demo::open(&root, "demo", &programs, &system, servers).await
}
