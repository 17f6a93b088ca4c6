//! Logs: text for people on a terminal, JSON lines otherwise.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::service::settings::error::SettingsError;
use crate::service::settings::settings::LogFormat;

/// Targets that are heard only when the filter names them. lapin logs each lost connection several times, and returned
/// messages with their bodies; the service says these once, with their ids. A server of Postgres repeats its warnings
/// at each connection; `ballet doctor` says them once, with advice.
const QUIET: [&str; 2] = ["lapin", "sqlx::postgres::notice"];

/// Reads what is to be logged: levels, and `target=level`.
pub(crate) fn filter(text: &str) -> Result<Targets, SettingsError> {
    // `Targets` takes a misspelled level as the name of a target and logs nothing else. A blank one
    // it takes as `error`.
    let is_level = |part: &str| !part.is_empty() && part.parse::<LevelFilter>().is_ok();
    let is_good = |part: &str| part.contains('=') || is_level(part.trim());
    let targets: Option<Targets> = text.parse().ok().filter(|_| text.split(',').all(is_good));
    let mut targets = targets.ok_or_else(|| {
        SettingsError::new(format!(
            "LOG: {text:?} is not understood; expected error, warn, info, debug, trace or off, \
             or a list like info,sqlx=warn"
        ))
    })?;
    for quiet in QUIET {
        let is_named = targets.iter().any(|(target, _)| target == quiet);
        if !is_named {
            targets = targets.with_target(quiet, LevelFilter::OFF);
        }
    }
    Ok(targets)
}

/// Sets the process's logging up; the second time it does nothing.
///
/// # Errors
///
/// The mistake in the filter.
pub(crate) fn init(text: &str, format: LogFormat) -> Result<(), SettingsError> {
    let filter = filter(text)?;
    let text = match format {
        LogFormat::Auto => stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let layer = if text {
        fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal()).boxed()
    } else {
        fmt::layer().json().flatten_event(true).with_writer(stderr).boxed()
    };
    // A test that starts several services in one process has one log.
    let _already_set = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    Ok(())
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn what_repeats_itself_is_silent_until_it_is_named() {
        let says = |text: &str, target: &str| {
            filter(text).expect("a filter").would_enable(target, &Level::ERROR)
        };
        for text in ["info", "debug", "warn,sqlx=warn", "ballet=debug"] {
            assert!(!says(text, "lapin::channel"), "{text}");
            assert!(!says(text, "sqlx::postgres::notice"), "{text}");
            assert!(says(text, "ballet::lane::lane"), "{text}");
        }
        assert!(says("info,lapin=warn", "lapin::channel"));
        assert!(says("info,sqlx::postgres::notice=warn", "sqlx::postgres::notice"));
        assert!(says("info,lapin::channel=warn", "lapin::channel"));
        assert!(says("info", "sqlx::query"));
        assert!(!says("off", "ballet::lane::lane"));
    }
}
