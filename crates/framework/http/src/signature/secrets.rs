//! Secrets, which are never shown.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::signature::wrong_setting::WrongSetting;

/// How old what was read of a file may be, for those who ask often.
const FRESH: Duration = Duration::from_secs(1);

/// A secret, or several that are valid at the same time, from the environment or from a file, which
/// is read each time.
#[derive(Clone)]
pub struct Secrets {
    source: Source,
    /// Whether there may be several.
    many: bool,
    known: Arc<Mutex<Known>>,
}

type Known = Option<(Instant, Arc<[String]>)>;

#[derive(Clone)]
enum Source {
    Text(String),
    File(PathBuf),
}

impl Secrets {
    /// The one secret of a setting: its text, or else that of the file beside it. `None` without
    /// either.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is empty.
    pub fn key(
        setting: &str,
        text: Option<&str>,
        file: Option<&PathBuf>,
    ) -> Result<Option<Self>, WrongSetting> {
        Self::read_from(setting, text, file, 1, false)
    }

    /// The secrets of a setting, each of at least this many characters: one a line, or with commas between
    /// them. `None` without a setting.
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
        Self::read_from(setting, text, file, at_least, true)
    }

    fn read_from(
        setting: &str,
        text: Option<&str>,
        file: Option<&PathBuf>,
        at_least: usize,
        many: bool,
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
        let secrets = text.and_then(|text| split(&text, many));
        let checked = secrets.and_then(|secrets| match secrets.iter().map(String::len).min() {
            Some(shortest) if shortest < at_least => {
                Err(format!("a secret has {shortest} characters: it needs {at_least}"))
            }
            Some(_) | None => Ok(()),
        });
        checked.map_err(|why| WrongSetting(format!("{name}: {why}")))?;
        Ok(Some(Self { source, many, known: Arc::default() }))
    }

    /// The secrets as they were read within the last second. What was read last stays valid while the file
    /// cannot be read.
    ///
    /// # Errors
    ///
    /// If they cannot be read, and never were.
    pub async fn current(&self) -> Result<Arc<[String]>, String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, known)) = &known
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(known));
        }
        let secrets: Arc<[String]> = match (self.read().await, known) {
            (Ok(secrets), _) => secrets.into(),
            (Err(_), Some((_, known))) => known,
            (Err(why), None) => return Err(why),
        };
        let read = Some((Instant::now(), Arc::clone(&secrets)));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(secrets)
    }

    /// Reads the secrets. There is at least one.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or has none.
    pub async fn read(&self) -> Result<Vec<String>, String> {
        match &self.source {
            Source::Text(text) => split(text, self.many),
            Source::File(file) => {
                let text = tokio::fs::read_to_string(file).await.map_err(|error| {
                    format!("the file {} cannot be read: {error}", file.display())
                })?;
                split(&text, self.many)
            }
        }
    }
}

fn split(text: &str, many: bool) -> Result<Vec<String>, String> {
    let separates = |letter: char| many && matches!(letter, ',' | '\n' | '\r');
    let secrets = text.split(separates).map(str::trim).filter(|one| !one.is_empty());
    let secrets: Vec<String> = secrets.map(str::to_owned).collect();
    if secrets.is_empty() { Err("there is no secret".to_owned()) } else { Ok(secrets) }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Text(_) => f.write_str("***"),
            Source::File(file) => write!(f, "*** in {}", file.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_and_secrets_are_several() {
        assert_eq!(split(" a,b\n", false), Ok(vec!["a,b".to_owned()]));
        assert_eq!(split("a, b\n\nc\n", true).map(|all| all.len()), Ok(3));
    }

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
