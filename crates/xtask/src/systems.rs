//! The systems of the project, for the generated files and for the trials.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use ballet::EventType;
use ballet::core::{ServiceContract, System};
use ballet_openapi::Document;
use ballet_stage::{Children, Options, Servers};
use ballet_terminal::ui;
use ballet_trials::{Subject, served as service_of};
use clap::ValueEnum;
use schemars::Schema;
use shop_load::{OpenShop, demo};

use crate::joined_services;
use crate::process::cargo::{self, Profile};

/// A system, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SystemName {
    Shop,
    Streaming,
    Rides,
}

/// A system's description of itself.
pub(crate) struct SystemDescription {
    pub(crate) system: System,
    pub(crate) contracts: Vec<ServiceContract>,
    /// The requests and responses of its services' HTTP routes.
    pub(crate) documents: Vec<(&'static str, Document)>,
    pub(crate) schemas: Vec<(EventType, Schema)>,
}

impl SystemName {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::Streaming => "streaming",
            Self::Rides => "rides",
        }
    }

    /// Collects the declarations of its services.
    pub(crate) fn describe(self) -> SystemDescription {
        match self {
            Self::Shop => SystemDescription {
                system: shop::system(),
                contracts: shop::contracts(),
                documents: shop::documents(),
                schemas: shop_events::schemas(),
            },
            Self::Streaming => SystemDescription {
                system: streaming::system(),
                contracts: streaming::contracts(),
                documents: streaming::documents(),
                schemas: streaming_events::schemas(),
            },
            Self::Rides => SystemDescription {
                system: rides::system(),
                contracts: rides::contracts(),
                documents: rides::documents(),
                schemas: rides_events::schemas(),
            },
        }
    }

    /// The system for trials.
    pub(crate) fn subject(self) -> Arc<Subject> {
        match self {
            Self::Shop => shop_load::subject(),
            Self::Streaming => streaming_load::subject(),
            Self::Rides => rides_load::subject(),
        }
    }

    /// The configuration of its gateway, as a path in the workspace.
    pub(crate) fn gateway(self) -> String {
        format!("crates/gateway/{}.toml", self.as_str())
    }

    /// The broker's definitions, as a path in the workspace.
    pub(crate) fn definitions(self) -> String {
        match self {
            Self::Shop => "broker/definitions.json".to_owned(),
            Self::Streaming | Self::Rides => format!("broker/{}.json", self.as_str()),
        }
    }
}

/// Runs this process if it is part of a trial: a service, or a gateway. Service names are unique over all systems.
pub(crate) fn served() -> Option<ExitCode> {
    let service = std::env::var(ballet_trials::SERVICE).ok()?;
    let subjects = SystemName::value_variants().iter().map(|name| name.subject());
    let has = |subject: &Arc<Subject>| subject.services().contains(&&*service);
    let subject = subjects.clone().find(has).or_else(|| subjects.clone().next())?;
    service_of(&subject)
}

/// The options of `demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// The system.
    #[arg(value_enum, default_value_t = SystemName::Shop)]
    system: SystemName,
    /// Exit after the summary, with success only if everything held.
    #[arg(long)]
    once: bool,
    /// The number of customers, or orders of the shop, in the summary: 300 in the shop, 50 elsewhere. With 0
    /// nobody comes, also later: for a replay, or a client of yours.
    #[arg(long, visible_alias = "orders", value_name = "N",
          value_parser = clap::value_parser!(u32).range(..=100_000))]
    customers: Option<u32>,
    /// Keep the services' logs after the demo.
    #[arg(long)]
    keep: bool,
}

/// Runs the demo of a system. The shop's runs the programs of its services.
pub(crate) async fn demo(args: &DemoArgs) -> Result<ExitCode> {
    let DemoArgs { system, once, customers, keep } = *args;
    match system {
        SystemName::Shop => {
            let args = demo::Args { once, orders: customers.unwrap_or(300), keep };
            demo::run(&args, open()).await
        }
        other => {
            let args = ballet_trials::demo::Args { once, customers: customers.unwrap_or(50), keep };
            Box::pin(ballet_trials::demo::run(&other.subject(), &args)).await
        }
    }
}

/// Builds the shop's programs and starts them.
async fn open() -> Result<OpenShop> {
    ui::say("building the services and the gateway");
    let root = cargo::root();
    let system = shop::system();
    let joined = joined_services::joined(&root, &system)?;
    let packages = demo::packages(&joined_services::programs(&root, &joined)?);
    let programs = cargo::build(&Children::new()?, Profile::Dev, &packages).await?;
    let system = joined_services::with(system, &joined)?;
    let servers = Servers::acquire(Options::durable()).await?;
    demo::open(&root, "demo", &programs, &system, servers).await
}
