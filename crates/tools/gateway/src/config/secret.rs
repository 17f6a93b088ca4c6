//! Secrets that are never shown.

use std::fmt;

use serde::Deserialize;

/// A secret, or a URL with a password. `env:NAME` is in the environment.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

const UPSTREAM: &str = "{upstream}";

impl Secret {
    pub(crate) fn is_of_each_upstream(&self) -> bool {
        let is_elsewhere = self.0.starts_with("env:") || self.0.starts_with("file:");
        is_elsewhere && self.0.contains(UPSTREAM)
    }

    pub(crate) fn of(&self, upstream: &str) -> Self {
        Self(self.0.replace(UPSTREAM, upstream))
    }

    /// Returns the text, from the environment if the file says so.
    pub(crate) fn reveal(&self) -> Result<String, String> {
        let Some(name) = self.0.strip_prefix("env:") else { return Ok(self.0.clone()) };
        std::env::var(name)
            .map_err(|_| format!("the environment has no variable {name}, which this names"))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
