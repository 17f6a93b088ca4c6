//! A service as a program: arguments, signals, exit code.

use std::process::ExitCode;

use clap::Parser;

use crate::service::arguments;
use crate::service::arguments::Arguments;
use crate::service::logging;
use crate::service::service::Service;
use crate::service::settings::error::SettingsError;
use crate::service::settings::redacted::printed;
use crate::service::settings::settings::Settings;

/// Runs a service as a program: reads the arguments, starts the service, and stops it on SIGTERM or
/// Ctrl-C.
pub fn main<A: Parser>(build: impl FnOnce(A) -> (Settings, Service)) -> ExitCode {
    let mut program = A::command();
    if std::env::args_os().any(|arg| arg == "--print-contract") {
        program = arguments::without_required(program);
    }
    let Arguments { given, mut wrong } =
        match arguments::read(program.clone(), std::env::args_os().collect()) {
            Ok(arguments) => arguments,
            Err(error) => error.exit(),
        };
    let (settings, service) = match A::from_arg_matches(&given) {
        Ok(arguments) => build(arguments),
        Err(error) => error.exit(),
    };
    if settings.print_config && wrong.is_empty() {
        return print(&printed(&program, &given));
    }
    if settings.print_contract && wrong.is_empty() {
        return print(&service.contract().text());
    }
    if !wrong.is_empty() || logging::filter(&settings.log).is_err() {
        wrong.extend(service.check(&settings).err());
        return fail(&SettingsError::all(wrong).to_string());
    }
    if let Err(error) = logging::init(&settings.log, settings.log_format) {
        return fail(&error.to_string());
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("the runtime cannot start: {error}")),
    };
    match runtime.block_on(run(service, settings)) {
        Ok(ended) => ended,
        Err(error) => fail(&error),
    }
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
async fn run(service: Service, settings: Settings) -> Result<ExitCode, String> {
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
            ExitCode::SUCCESS
        }
    };
    running.stop().await;
    tracing::info!("stopped");
    Ok(ended)
}

/// Waits for a signal to stop, and returns its name.
async fn asked_to_stop() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => tokio::select! {
            _ = terminated.recv() => "SIGTERM",
            _ = tokio::signal::ctrl_c() => "SIGINT",
        },
        Err(_) => {
            let _interrupted = tokio::signal::ctrl_c().await;
            "SIGINT"
        }
    }
}
