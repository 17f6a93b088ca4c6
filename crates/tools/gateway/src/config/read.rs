//! Reads a config file.

use std::path::Path;

use crate::config::file::Config;
use crate::config::rules;

/// Reads and checks a config file, with the values that it takes from the environment.
///
/// # Errors
///
/// The first mistake in it.
pub(crate) fn read(path: &Path) -> Result<Config, String> {
    let config = read_file(path)?;
    rules::environment(&config).map_err(|what| format!("{}: {what}", path.display()))?;
    Ok(config)
}

/// Reads and checks a config file without the environment.
///
/// # Errors
///
/// The first mistake in it.
pub(crate) fn read_file(path: &Path) -> Result<Config, String> {
    let file = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{file}: the file cannot be read: {error}"))?;
    let config: Config = toml::from_str(&text).map_err(|error| format!("{file}: {error}"))?;
    rules::check(&config).map_err(|what| format!("{file}: {what}"))?;
    Ok(config)
}
