//! The services of rides, as a trial's program runs them.

use std::sync::Arc;

use ballet_trials::ServiceProgram;
use clap::Args;
use common::cards::{ProviderSettings, Sandbox};
use dispatch::config::DispatchSettings;
use location::config::LocationSettings;

#[derive(Debug, Args)]
struct DispatchArgs {
    #[command(flatten)]
    dispatch: DispatchSettings,
    #[command(flatten)]
    provider: ProviderSettings,
}

/// Returns all services, each with the settings of its own program.
pub(crate) fn services() -> Vec<ServiceProgram> {
    let dispatch = dispatch::participant(DispatchSettings::default(), Sandbox::default());
    vec![
        ServiceProgram::with(&dispatch, |own: DispatchArgs, ballet, clock| {
            let sandbox = Arc::new(own.provider.sandbox(ballet));
            dispatch::service(own.dispatch, sandbox).clock(clock)
        }),
        ServiceProgram::of(|| location::service(LocationSettings::default())),
        ServiceProgram::of(riders::service),
    ]
}
