//! Secrets, which are never shown.

use std::fmt;
use std::path::PathBuf;

use crate::wrong_setting::WrongSetting;

/// A secret, or several that are valid at the same time, from the environment or from a file. A file
/// is read each time, so a renewed one takes effect without a restart.
#[derive(Clone)]
pub struct Secrets(Source);

#[derive(Clone)]
enum Source {
    Text(String),
    File(PathBuf),
}

impl Secrets {
    /// The secrets of a setting: its text, or else the file that it names. `None` without either.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or if there is no secret in it, or a short one.
    pub fn of(
        setting: &str,
        text: Option<&str>,
        file: Option<&PathBuf>,
        at_least: usize,
    ) -> Result<Option<Self>, WrongSetting> {
        let (name, source) = match (text, file) {
            (Some(text), _) => (setting.to_owned(), Source::Text(text.to_owned())),
            (None, Some(file)) => (format!("{setting}_FILE"), Source::File(file.clone())),
            (None, None) => return Ok(None),
        };
        let text = match &source {
            Source::Text(text) => Ok(text.clone()),
            Source::File(file) => std::fs::read_to_string(file)
                .map_err(|error| format!("the file {} cannot be read: {error}", file.display())),
        };
        let secrets = text.and_then(|text| split(&text));
        let checked = secrets.and_then(|secrets| match secrets.iter().map(String::len).min() {
            Some(shortest) if shortest < at_least => {
                Err(format!("a secret has {shortest} characters: it needs {at_least}"))
            }
            Some(_) | None => Ok(()),
        });
        checked.map_err(|why| WrongSetting(format!("{name}: {why}")))?;
        Ok(Some(Self(source)))
    }

    /// Reads the secrets. There is at least one.
    pub(crate) async fn read(&self) -> Result<Vec<String>, String> {
        match &self.0 {
            Source::Text(text) => split(text),
            Source::File(file) => {
                let text = tokio::fs::read_to_string(file).await.map_err(|error| {
                    format!("the file {} cannot be read: {error}", file.display())
                })?;
                split(&text)
            }
        }
    }
}

/// One a line, or with commas between them.
fn split(text: &str) -> Result<Vec<String>, String> {
    let secrets = text.split([',', '\n', '\r']).map(str::trim).filter(|one| !one.is_empty());
    let secrets: Vec<String> = secrets.map(str::to_owned).collect();
    if secrets.is_empty() { Err("there is no secret".to_owned()) } else { Ok(secrets) }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Text(_) => f.write_str("***"),
            Source::File(file) => write!(f, "*** in {}", file.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_secret_is_named_and_not_shown() {
        let given = |text| Secrets::of("PROVIDER_KEY", text, None, 8);
        assert!(given(None).expect("nothing").is_none());
        let secrets = given(Some("one-secret, two-secret")).expect("secrets").expect("secrets");
        assert_eq!(format!("{secrets:?}"), "***");
        let error = given(Some("long-enough,short")).expect_err("short").to_string();
        assert_eq!(error, "PROVIDER_KEY: a secret has 5 characters: it needs 8");
        let error = given(Some(" ,")).expect_err("none").to_string();
        assert_eq!(error, "PROVIDER_KEY: there is no secret");
        let missing = PathBuf::from("/no/such/file");
        let error = Secrets::of("PROVIDER_KEY", None, Some(&missing), 8).expect_err("missing");
        assert!(error.0.starts_with("PROVIDER_KEY_FILE: the file /no/such/file cannot be read"));
    }
}
