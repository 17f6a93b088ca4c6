//! A service as a program: arguments, signals, exit code.

use std::convert::{Infallible, identity};
use std::fmt::Display;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches, Parser};

use crate::service::logging;
use crate::service::service::Service;
use crate::service::settings::settings::Settings;

/// Runs a service as a program: reads the arguments, starts the service, and stops it on SIGTERM or
/// Ctrl-C. [`main!`](macro@crate::main) writes it for a service that has no other arguments.
pub fn main<A: Parser>(build: impl FnOnce(A) -> (Settings, Service)) -> ExitCode {
    run_program(A::command(), |given| A::from_arg_matches(given).map(build))
}

/// What a program with the settings of every service has besides: the name and the version of its package.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Package {
    pub name: &'static str,
    pub version: &'static str,
    pub about: &'static str,
}

/// What the function of [`main!`](macro@crate::main) returns: the service, or why its settings are wrong.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no service",
    label = "`main!` takes a function that returns `Service`, or `Result<Service, E>` if settings can be wrong",
    note = "`E` is any error, or a text: it is shown as the error of an argument"
)]
pub trait IntoService {
    type Wrong: Display;

    fn into_service(self) -> Result<Service, Self::Wrong>;
}

impl IntoService for Service {
    type Wrong = Infallible;

    fn into_service(self) -> Result<Service, Infallible> {
        Ok(self)
    }
}

impl<E: Display> IntoService for Result<Service, E> {
    type Wrong = E;

    fn into_service(self) -> Self {
        self
    }
}

/// Runs a service with settings of its own besides those of every service.
#[doc(hidden)]
pub fn run_with<A: Args, S: IntoService>(
    package: Package,
    build: impl FnOnce(A, &Settings) -> S,
) -> ExitCode {
    let program = package.command(A::augment_args);
    let mut wrong = program.clone();
    run_program(program, |given| {
        let settings = Settings::from_arg_matches(given)?;
        let service = build(A::from_arg_matches(given)?, &settings)
            .into_service()
            .map_err(|why| wrong.error(ErrorKind::ValueValidation, why))?;
        Ok((settings, service))
    })
}

/// Runs a service with the settings of every service.
#[doc(hidden)]
pub fn run(package: Package, build: impl FnOnce() -> Service) -> ExitCode {
    let program = package.command(identity);
    run_program(program, |given| Ok((Settings::from_arg_matches(given)?, build())))
}

impl Package {
    /// The command with the settings of every service, and those that `own` adds.
    fn command(self, own: impl FnOnce(Command) -> Command) -> Command {
        let command = Command::new(self.name).version(self.version);
        // The doc comments of the settings' types are no description of the program.
        let about = (!self.about.is_empty()).then_some(self.about);
        own(Settings::augment_args(command)).about(about).long_about(None)
    }
}

fn run_program(
    program: Command,
    build: impl FnOnce(&ArgMatches) -> clap::error::Result<(Settings, Service)>,
) -> ExitCode {
    let given = program.get_matches();
    let (settings, service) = match build(&given) {
        Ok(built) => built,
        Err(error) => error.exit(),
    };
    if settings.print_contract {
        return print(&service.contract().text());
    }
    if let Err(error) = logging::init(&settings.log, settings.log_format) {
        return fail(&error.to_string());
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("the runtime cannot start: {error}")),
    };
    match runtime.block_on(until_asked_to_stop(service, settings)) {
        Ok(ended) => ended,
        Err(error) => fail(&error),
    }
}

/// The program of a service, in its `main.rs`: `main!(Loyalty)` for one with the settings of every service,
/// `main!(PointSettings, loyalty)` for one with settings of its own.
///
/// ```no_run
/// # mod program {
/// use ballet::Service;
///
/// struct Loyalty;
///
/// impl Loyalty {
///     fn service() -> Service {
/// #       todo!()
///         // `#[ballet::service]` writes it.
///     }
/// }
///
/// ballet::main!(Loyalty);
/// # }
/// # fn main() {}
/// ```
///
/// Own settings are a type with `#[derive(clap::Args)]`, and a function of them and the [`Settings`] of every
/// service, which returns the [`Service`]; or a `Result`, whose error says why they are wrong:
///
/// ```no_run
/// # mod program {
/// use ballet::{Participant, Service, Settings};
///
/// #[derive(clap::Args)]
/// struct PointSettings {
///     /// The points for each whole hundred minor units.
///     #[arg(long, env = "POINTS", default_value_t = 1)]
///     points: i64,
/// }
///
/// fn loyalty(own: PointSettings, _: &Settings) -> Result<Service, String> {
///     if own.points < 1 {
///         return Err(format!("POINTS is 1 at least, not {}", own.points));
///     }
///     Ok(Service::new(Participant::new("loyalty")))
/// }
///
/// ballet::main!(PointSettings, loyalty);
/// # }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! main {
    ($service:ty $(,)?) => {
        $crate::main!(@ run, <$service>::service);
    };
    ($settings:ty, $build:expr $(,)?) => {
        $crate::main!(@ run_with, |own: $settings, all: &$crate::Settings| ($build)(own, all));
    };
    (@ $run:ident, $build:expr) => {
        #[allow(dead_code, reason = "a test includes the file of a program")]
        fn main() -> ::std::process::ExitCode {
            let package = $crate::private::Package {
                name: ::std::env!("CARGO_PKG_NAME"),
                version: ::std::env!("CARGO_PKG_VERSION"),
                about: ::std::env!("CARGO_PKG_DESCRIPTION"),
            };
            $crate::private::$run(package, $build)
        }
    };
}

fn print(text: &str) -> ExitCode {
    use std::io::Write;
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(error: &str) -> ExitCode {
    use std::io::Write;
    let _ignored = writeln!(std::io::stderr(), "error: {error}");
    ExitCode::FAILURE
}

/// Runs until asked to stop, or until a part of the service fails, which the log has told then. After a
/// failure the process supervisor restarts the program.
async fn until_asked_to_stop(service: Service, settings: Settings) -> Result<ExitCode, String> {
    let asked_to_stop = asked_to_stop();
    tokio::pin!(asked_to_stop);
    let running = tokio::select! {
        running = service.start(settings) => running.map_err(|error| error.to_string())?,
        signal = &mut asked_to_stop => {
            tracing::info!(signal, "stopped before the service had started");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let ended = tokio::select! {
        _failed = running.failed() => ExitCode::FAILURE,
        signal = asked_to_stop => {
            tracing::info!(signal, "stopping");
            if signal == INTERRUPT {
                running.departure.hurry();
            }
            ExitCode::SUCCESS
        }
    };
    running.stop().await;
    tracing::info!("stopped");
    Ok(ended)
}

/// The signal of a terminal (Ctrl-C).
const INTERRUPT: &str = "SIGINT";

async fn asked_to_stop() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => tokio::select! {
            _ = terminated.recv() => "SIGTERM",
            _ = tokio::signal::ctrl_c() => INTERRUPT,
        },
        Err(_) => {
            let _interrupted = tokio::signal::ctrl_c().await;
            INTERRUPT
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Settings of its own.
    #[derive(Args)]
    struct Own {}

    #[test]
    fn the_help_begins_with_the_description_of_the_package() {
        let package = Package { name: "loyalty", version: "1.0.0", about: "Grants points." };
        for mut program in [package.command(identity), package.command(Own::augment_args)] {
            let help = program.render_long_help().to_string();
            assert_eq!(help.lines().next(), Some("Grants points."));
        }
    }
}
