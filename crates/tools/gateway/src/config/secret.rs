//! Secrets that are never shown.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

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

    fn masked(&self) -> String {
        if self.0.starts_with("env:") || self.0.starts_with("file:") {
            return self.0.clone();
        }
        let Some((scheme, rest)) = self.0.split_once("://") else { return "***".to_owned() };
        // The part before `@` and the query may have a password.
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        let place = place.split('?').next().unwrap_or_default();
        let mark = if rest.contains('@') { "***@" } else { "" };
        format!("{scheme}://{mark}{place}")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_url_has_no_password() {
        for (url, shown) in [
            ("postgres://gateway:se@cret@host:5432/db", "postgres://***@host:5432/db"),
            ("postgres://host/db?password=secret", "postgres://host/db"),
            ("env:DATABASE_URL", "env:DATABASE_URL"),
            ("secret", "***"),
        ] {
            assert_eq!(Secret(url.to_owned()).masked(), shown);
        }
    }
}
