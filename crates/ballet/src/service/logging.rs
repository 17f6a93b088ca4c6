//! Logs: text for people on a terminal, JSON lines otherwise.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::service::settings::error::SettingsError;
use crate::service::settings::settings::LogFormat;

/// Reads what is to be logged: levels, and `target=level`.
pub(crate) fn filter(text: &str) -> Result<Targets, SettingsError> {
    // `Targets` takes a misspelled level as the name of a target and logs nothing else. A blank one
    // it takes as `error`.
    let is_level = |part: &str| !part.is_empty() && part.parse::<LevelFilter>().is_ok();
    let is_good = |part: &str| part.contains('=') || is_level(part.trim());
    let targets = text.parse().ok().filter(|_| text.split(',').all(is_good));
    targets.ok_or_else(|| {
        SettingsError::new(format!(
            "LOG: {text:?} is not understood; expected error, warn, info, debug, trace or off, \
             or a list like info,sqlx=warn"
        ))
    })
}

/// Sets the process's logging up; the second time it does nothing.
///
/// # Errors
///
/// What is wrong with the filter.
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
