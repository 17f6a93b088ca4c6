//! The services of a system's program.

use std::fmt;
use std::process::ExitCode;

use ballet::core::{Part, ServiceContract};
use ballet::{Clock, Participant, Service, Settings};
use clap::{Args, Parser};

/// Names the service that a process of a trial runs.
pub(crate) const SERVICE: &str = "TRIAL_SERVICE";

/// A service that the program can run.
pub struct ServiceProgram {
    /// The declarations of the service.
    pub part: Part,
    /// Its contract.
    pub contract: ServiceContract,
    run: Box<dyn Fn(Clock) -> ExitCode>,
}

/// The settings of a service: those of every service, and its own.
#[derive(Debug, Parser)]
struct ProgramSettings<Own: Args> {
    #[command(flatten)]
    ballet: Settings,
    #[command(flatten)]
    own: Own,
}

impl ServiceProgram {
    /// A service with only the settings that every service has.
    pub fn of(service: fn() -> Service) -> Self {
        let declared = service();
        let build = move |(), _: &Settings, clock| service().clock(clock);
        Self::new(declared.part(), declared.contract(), build)
    }

    /// A service with its own settings. `build` makes it from them, with this clock.
    pub fn with<Own: Args>(
        declared: &Participant,
        build: impl Fn(Own, &Settings, Clock) -> Service + 'static,
    ) -> Self {
        Self::new(declared.part(), declared.contract(), build)
    }

    fn new<Own: Args>(
        part: Part,
        contract: ServiceContract,
        build: impl Fn(Own, &Settings, Clock) -> Service + 'static,
    ) -> Self {
        let run = move |clock: Clock| {
            ballet::main(|args: ProgramSettings<Own>| {
                let service = build(args.own, &args.ballet, clock);
                (args.ballet, service)
            })
        };
        Self { part, contract, run: Box::new(run) }
    }

    /// Runs as the service's own program does, by this clock.
    pub(crate) fn run(&self, clock: Clock) -> ExitCode {
        (self.run)(clock)
    }
}

impl fmt::Debug for ServiceProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceProgram").field("part", &self.part).finish_non_exhaustive()
    }
}
