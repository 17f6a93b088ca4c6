//! The services of rides, as a trial's program runs them.

use std::sync::Arc;

use ballet_trials::ServiceProgram;
use clap::Parser;
use common::cards::{ProviderSettings, Sandbox};
use dispatch::Dispatch;
use dispatch::config::DispatchSettings;
use location::Location;
use location::config::LocationSettings;
use riders::Riders;

#[derive(Debug, Parser)]
struct DispatchArgs {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    dispatch: DispatchSettings,
    #[command(flatten)]
    provider: ProviderSettings,
}

/// Returns all services, each with the settings of its own program.
pub(crate) fn services() -> Vec<ServiceProgram> {
    let dispatch = Dispatch::new(DispatchSettings::default(), Arc::new(Sandbox::default()));
    vec![
        ServiceProgram::with(dispatch.participant().part(), |args: DispatchArgs, clock| {
            let sandbox = Arc::new(args.provider.sandbox(&args.ballet));
            (args.ballet, Dispatch::new(args.dispatch, sandbox).service().clock(clock))
        }),
        ServiceProgram::of(|| Location::new(LocationSettings::default()).service()),
        ServiceProgram::of(Riders::service),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_of_rides() {
        let parts: Vec<_> = services().into_iter().map(|service| service.part).collect();
        assert_eq!(parts, crate::system::system().parts);
    }
}
