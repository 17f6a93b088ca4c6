//! A URL that a file holds, and that may be replaced while the service runs: it has the password.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// A URL in a file. The file is read again when somebody asks.
pub(crate) struct UrlFile {
    setting: &'static str,
    file: PathBuf,
    /// The text that was in use last, and what could not be used since.
    last: Mutex<(String, Option<String>)>,
}

impl UrlFile {
    /// The file of a setting. This URL of it is in use.
    pub(crate) fn new(setting: &'static str, file: PathBuf, url: String) -> Self {
        Self { setting, file, last: Mutex::new((url, None)) }
    }

    /// Reads the file, and passes a URL that is new on. If that cannot be used, the last one stays in use;
    /// the log says so once. Returns whether another one is in use now.
    pub(crate) fn read_again(&self, take: impl FnOnce(&str) -> Result<(), String>) -> bool {
        let read = std::fs::read_to_string(&self.file);
        let read = read.map(|text| text.trim().to_owned()).map_err(|error| error.to_string());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (url, told) = &mut *last;
        let taken = match read {
            Ok(text) if text == *url => {
                *told = None;
                return false;
            }
            Ok(text) => take(&text).map(|()| *url = text),
            Err(why) => Err(why),
        };
        let (setting, file) = (self.setting, self.file.display());
        match taken {
            Ok(()) => {
                tracing::info!("{setting}: {file} has another URL; new connections use it");
                *told = None;
                true
            }
            Err(why) => {
                if told.as_ref() != Some(&why) {
                    tracing::warn!(
                        "{setting}: {file} cannot be used, so the last URL stays: {why}"
                    );
                    *told = Some(why);
                }
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_url_is_taken_once_and_one_that_cannot_be_used_is_not() {
        let file = std::env::temp_dir().join(format!("ballet-url-{}", std::process::id()));
        let urls = UrlFile::new("AMQP_URL_FILE", file.clone(), "one".to_owned());
        let take = |url: &str| if url == "bad" { Err("it is bad".to_owned()) } else { Ok(()) };
        assert!(!urls.read_again(take), "there is no file");
        for (text, is_new) in [("one\n", false), ("two", true), ("two", false), ("bad", false)] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(urls.read_again(take), is_new, "{text}");
        }
        std::fs::write(&file, "two").unwrap();
        assert!(!urls.read_again(take), "it stayed in use");
        std::fs::remove_file(&file).unwrap();
    }
}
