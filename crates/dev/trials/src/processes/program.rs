//! The services of a system's program.

use std::ffi::OsStr;
use std::fmt;
use std::iter;
use std::process::ExitCode;
use std::rc::Rc;

use ballet::core::{Part, ServiceContract};
use ballet::{Clock, Participant, Service, Settings};
use clap::{Arg, Args, CommandFactory, Parser};

/// Names the service that a process of a trial runs.
pub(crate) const SERVICE: &str = "TRIAL_SERVICE";

/// A service that the program can run.
pub struct ServiceProgram {
    /// The declarations of the service.
    pub part: Part,
    /// Its contract.
    pub contract: ServiceContract,
    run: Box<dyn Fn(Clock) -> ExitCode>,
    pub(crate) make: MakeService,
}

/// Makes the service in this process, with these variables.
type MakeService = Box<dyn Fn(&Settings, &[(&'static str, String)]) -> Result<Service, String>>;

/// The own settings of a service.
#[derive(Debug, Parser)]
struct OwnSettings<Own: Args> {
    #[command(flatten)]
    own: Own,
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
        let build = move |(), _: &Settings| service();
        Self::new(declared.part(), declared.contract(), build)
    }

    /// A service with its own settings, from which `build` makes it.
    pub fn with<Own: Args>(
        declared: &Participant,
        build: impl Fn(Own, &Settings) -> Service + 'static,
    ) -> Self {
        Self::new(declared.part(), declared.contract(), build)
    }

    fn new<Own: Args>(
        part: Part,
        contract: ServiceContract,
        build: impl Fn(Own, &Settings) -> Service + 'static,
    ) -> Self {
        let build = Rc::new(build);
        let made = Rc::clone(&build);
        let run = move |clock: Clock| {
            ballet::main(|args: ProgramSettings<Own>| {
                let service = build(args.own, &args.ballet).clock(clock);
                (args.ballet, service)
            })
        };
        let make = move |settings: &Settings, env: &[(&'static str, String)]| {
            let command = OwnSettings::<Own>::command();
            let flag = |(name, value): &(&'static str, String)| {
                let is_it = |arg: &&Arg| arg.get_env() == Some(OsStr::new(name));
                let long = command.get_arguments().find(is_it)?.get_long()?;
                Some(format!("--{long}={value}"))
            };
            let args = iter::once("explore".to_owned()).chain(env.iter().filter_map(flag));
            let args =
                OwnSettings::<Own>::try_parse_from(args).map_err(|error| error.to_string())?;
            Ok(made(args.own, settings))
        };
        Self { part, contract, run: Box::new(run), make: Box::new(make) }
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
