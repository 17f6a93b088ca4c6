//! The services of a system's program.

use std::fmt;
use std::process::ExitCode;

use ballet::core::Part;
use ballet::{Clock, Service, Settings};
use clap::Parser;

/// The variable that names the service that a process of a trial runs.
pub(crate) const SERVICE: &str = "TRIAL_SERVICE";

/// A service that the program can run.
pub struct ServiceProgram {
    /// The declarations of the service.
    pub part: Part,
    run: Box<dyn Fn(Clock) -> ExitCode>,
}

/// The settings that every service has, and no others.
#[derive(Debug, Parser)]
struct CommonSettings {
    #[command(flatten)]
    ballet: Settings,
}

impl ServiceProgram {
    /// A service with only the settings that every service has.
    pub fn of(service: fn() -> Service) -> Self {
        let part = service().part();
        Self::with(part, move |args: CommonSettings, clock| (args.ballet, service().clock(clock)))
    }

    /// A service with its own settings. `build` gives the service its clock.
    pub fn with<A: Parser>(
        part: Part,
        build: impl Fn(A, Clock) -> (Settings, Service) + 'static,
    ) -> Self {
        let run = move |clock: Clock| ballet::main(|args: A| build(args, clock));
        Self { part, run: Box::new(run) }
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
