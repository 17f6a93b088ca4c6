//! The systems of the project, for the generated files and for the trials.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use ballet::core::{ServiceContract, System};
use ballet_openapi::Document;
use ballet_trials::{Subject, served as service_of};
use clap::ValueEnum;

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
            },
            Self::Streaming => SystemDescription {
                system: streaming::system(),
                contracts: streaming::contracts(),
                documents: streaming::documents(),
            },
            Self::Rides => SystemDescription {
                system: rides::system(),
                contracts: rides::contracts(),
                documents: rides::documents(),
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
        format!("crates/tools/gateway/{}.toml", self.as_str())
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
    #[command(flatten)]
    options: ballet_trials::DemoArgs,
}

/// Runs the demo of a system.
pub(crate) async fn demo(args: &DemoArgs) -> Result<ExitCode> {
    Box::pin(ballet_trials::demo(&args.system.subject(), &args.options)).await
}
