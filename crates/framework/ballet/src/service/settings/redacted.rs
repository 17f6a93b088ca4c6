//! Shows settings without their secrets.

use std::fmt;

use ballet_core::mask::masked;
use clap::{ArgMatches, Command};

use crate::service::settings::settings::Settings;

/// The settings in force of a whole program, one a line, as environment variables; secrets are
/// masked.
pub(crate) fn printed(program: &Command, given: &ArgMatches) -> String {
    let mut lines = String::new();
    for argument in program.get_arguments() {
        let Some(name) = argument.get_env().and_then(|name| name.to_str()) else { continue };
        let values: Vec<String> = given
            .get_raw(argument.get_id().as_str())
            .into_iter()
            .flatten()
            .map(|value| value.to_string_lossy().into_owned())
            .map(|value| if argument.is_hide_env_values_set() { masked(&value) } else { value })
            .collect();
        let line = match &values[..] {
            [] => format!("# {name} is not set\n"),
            values => format!("{name}={}\n", values.join(",")),
        };
        lines.push_str(&line);
    }
    lines
}

/// Shows where a service connects to, and no password.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("amqp_url", &self.amqp_url.as_deref().map(masked))
            .field("database_url", &self.database_url.as_deref().map(masked))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use clap::Args;

    use super::*;

    #[test]
    fn the_settings_show_no_password() {
        let settings = Settings::new("amqp://u:geheim@a/s", "postgres://h/d?password=geheim");
        let shown = format!("{settings:?}");
        assert!(shown.contains("amqp://u:***@a/s") && !shown.contains("geheim"), "{shown}");
    }

    #[test]
    fn the_printed_settings_are_whole_and_without_secrets() {
        let program = Settings::augment_args(Command::new("service"));
        let arguments = ["service", "--amqp-url", "amqp://u:geheim@h/v", "--lanes", "3"];
        let given = program.clone().try_get_matches_from(arguments).expect("good arguments");
        let printed = printed(&program, &given);
        for line in ["AMQP_URL=amqp://u:***@h/v", "LANES=3", "BATCH=250", "# PREFETCH is not set"] {
            assert!(printed.lines().any(|printed| printed == line), "{line} is not in:\n{printed}");
        }
        assert!(!printed.contains("geheim"), "{printed}");
    }
}
