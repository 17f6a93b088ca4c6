//! A service as this program runs it.

use std::fmt;
use std::process::ExitCode;

use ballet::core::Part;
use ballet::{Clock, Service, Settings};
use clap::Parser;

/// The variable that tells a process of a trial which service it is.
pub const SERVICE: &str = "TRIAL_SERVICE";

/// A service that this program can be.
pub struct ServiceProgram {
    /// What the service declares.
    pub part: Part,
    run: Box<dyn Fn(Clock) -> ExitCode>,
}

/// The settings of every service, and no others.
#[derive(Debug, Parser)]
struct Plain {
    #[command(flatten)]
    ballet: Settings,
}

impl ServiceProgram {
    /// A service with the settings of every service.
    pub fn of(service: fn() -> Service) -> Self {
        let part = service().part();
        Self::with(part, move |args: Plain, clock| (args.ballet, service().clock(clock)))
    }

    /// A service with settings of its own. `build` gives the service its clock.
    pub fn with<A: Parser>(
        part: Part,
        build: impl Fn(A, Clock) -> (Settings, Service) + 'static,
    ) -> Self {
        let run = move |clock: Clock| ballet::main(|args: A| build(args, clock));
        Self { part, run: Box::new(run) }
    }

    /// Does what the service's own program does, by this clock.
    pub(crate) fn run(&self, clock: Clock) -> ExitCode {
        (self.run)(clock)
    }
}

impl fmt::Debug for ServiceProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceProgram").field("part", &self.part).finish_non_exhaustive()
    }
}
