//! Shows settings without their secrets.

use std::fmt;

use ballet_core::mask::masked;

use crate::service::settings::settings::Settings;

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
    use super::*;

    #[test]
    fn the_settings_show_no_password() {
        let settings = Settings::new("amqp://u:geheim@a/s", "postgres://h/d?password=geheim");
        let shown = format!("{settings:?}");
        assert!(shown.contains("amqp://u:***@a/s") && !shown.contains("geheim"), "{shown}");
    }
}
