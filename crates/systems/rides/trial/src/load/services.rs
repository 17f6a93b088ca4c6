//! The services of rides, as a trial's program runs them.

use std::sync::Arc;

use ballet_trials::ServiceProgram;
use clap::Args;
use common::cards::{ProviderSettings, Sandbox};
use dispatch::Dispatch;
use dispatch::config::DispatchSettings;
use location::Location;
use location::config::LocationSettings;
use riders::Riders;

#[derive(Debug, Args)]
struct DispatchArgs {
    #[command(flatten)]
    dispatch: DispatchSettings,
    #[command(flatten)]
    provider: ProviderSettings,
}

/// Each with the settings of its own program.
pub(crate) fn services() -> Vec<ServiceProgram> {
    let dispatch = Dispatch::new(DispatchSettings::default(), Arc::new(Sandbox::default()));
    vec![
        ServiceProgram::with(&dispatch.participant(), |own: DispatchArgs, ballet| {
            let sandbox = Arc::new(own.provider.sandbox(ballet));
            Dispatch::new(own.dispatch, sandbox).service()
        }),
        ServiceProgram::of(|| Location::new(LocationSettings::default()).service()),
        ServiceProgram::of(Riders::service),
    ]
}
