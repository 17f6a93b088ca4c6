//! Reads a config file, and finds the line of a mistake.

use std::path::Path;

use crate::config::error::ConfigError;
use crate::config::file::Config;
use crate::config::rules::{self, BrokenRule};

/// Reads and checks a config file, with the values that it takes from the environment.
///
/// # Errors
///
/// The first mistake in it.
pub(crate) fn read(path: &Path) -> Result<Config, ConfigError> {
    checked(path, |config| rules::check(config).and_then(|()| rules::environment(config)))
}

/// Reads and checks a config file without the environment.
///
/// # Errors
///
/// The first mistake in it.
pub(crate) fn read_file(path: &Path) -> Result<Config, ConfigError> {
    checked(path, rules::check)
}

fn checked(
    path: &Path,
    check: impl Fn(&Config) -> Result<(), BrokenRule>,
) -> Result<Config, ConfigError> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
        file: file.clone(),
        line: None,
        field: None,
        what: format!("the file cannot be read: {error}"),
    })?;
    let config: Config = toml::from_str(&text).map_err(|error| malformed(&file, &text, &error))?;
    match check(&config) {
        Ok(()) => Ok(config),
        Err(broken) => Err(against_rules(&file, &text, broken)),
    }
}

fn malformed(file: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map(|span| span.start.min(text.len()));
    let line = at.map(|at| text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count());
    let field = line.and_then(|line| {
        let (field, _) = text.lines().nth(line)?.split_once('=')?;
        Some(field.trim().to_owned())
    });
    // A message of several lines repeats the file.
    let what = error.message().lines().collect::<Vec<_>>().join(", ");
    ConfigError { file: file.to_owned(), line: line.map(|line| line + 1), field, what }
}

fn against_rules(file: &str, text: &str, broken: BrokenRule) -> ConfigError {
    let BrokenRule { table, index, field, what } = broken;
    let headers = [format!("[[{table}]]"), format!("[{table}]")];
    let lines = text.lines().enumerate();
    let header = lines.filter(|(_, line)| headers.iter().any(|header| line.trim() == header));
    let start = header.map(|(number, _)| number).nth(index);
    let field = Some(field).filter(|field| !field.is_empty());
    // The field's own line, or that of its table.
    let own = start.zip(field).and_then(|(start, field)| {
        let last = field.rsplit('.').next().unwrap_or(field);
        let inside = text.lines().enumerate().skip(start + 1);
        let mut inside =
            inside.take_while(|(_, line)| !headers.iter().any(|header| line.trim() == header));
        let found = inside
            .find(|(_, line)| line.split_once('=').is_some_and(|(name, _)| name.trim() == last));
        found.map(|(number, _)| number)
    });
    let line = own.or(start).map(|line| line + 1);
    let field = field.map(|field| format!("{table}.{field}"));
    ConfigError { file: file.to_owned(), line, field, what }
}
