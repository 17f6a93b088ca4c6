//! What earlier runs have found out, in a file: a run takes an hour, and one that is stopped goes on where it was.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::flaws::choose::hash_of;

/// Of a flaw in a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// It does not compile.
    Unwritable,
    Found(Finding),
    /// By these judges, at this commit.
    NotFound(Vec<String>),
}

/// What the first judge that found a flaw named, and how long that took by itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub(crate) judge: String,
    pub(crate) what: String,
    pub(crate) took: Duration,
}

pub(crate) struct Verdicts {
    file: PathBuf,
    commit: String,
    known: Map<String, Value>,
}

impl Verdicts {
    pub(crate) fn open(file: PathBuf, commit: String) -> Self {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let known = serde_json::from_str(&text).unwrap_or_default();
        Self { file, commit, known }
    }

    /// What nothing found at another commit may be found now.
    pub(crate) fn of(&self, flaw: &str, text: &str) -> Option<Verdict> {
        let known = self.known.get(&key(flaw, text))?;
        if known["compiles"] == false {
            return Some(Verdict::Unwritable);
        }
        let word = |name: &str| known[name].as_str().map(str::to_owned);
        let found = word("judge").zip(word("what")).zip(known["seconds"].as_f64());
        if let Some(((judge, what), seconds)) = found {
            let took = Duration::from_secs_f64(seconds);
            return Some(Verdict::Found(Finding { judge, what, took }));
        }
        let judges = known["missed"].as_array().filter(|_| known["commit"] == *self.commit)?;
        let judges = judges.iter().filter_map(Value::as_str).map(str::to_owned);
        Some(Verdict::NotFound(judges.collect()))
    }

    pub(crate) fn note(&mut self, flaw: &str, text: &str, verdict: &Verdict) -> Result<()> {
        let value = match verdict {
            Verdict::Unwritable => json!({ "compiles": false }),
            Verdict::Found(Finding { judge, what, took }) => {
                json!({ "judge": judge, "what": what, "seconds": took.as_secs_f64() })
            }
            Verdict::NotFound(judges) => json!({ "missed": judges, "commit": self.commit }),
        };
        self.known.insert(key(flaw, text), value);
        let text = serde_json::to_string_pretty(&self.known)?;
        fs::write(&self.file, text).with_context(|| format!("cannot write {}", self.file.display()))
    }
}

fn key(flaw: &str, text: &str) -> String {
    format!("{flaw} {:016x}", hash_of(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_stays_and_what_was_missed_is_judged_again_at_another_commit() {
        let file = std::env::temp_dir().join(format!("verdicts-{}.json", std::process::id()));
        let open = |commit: &str| Verdicts::open(file.clone(), commit.to_owned());
        let took = Duration::from_secs(2);
        let found = Verdict::Found(Finding { judge: "matrix".into(), what: "a test".into(), took });
        let mut first = open("1");
        first.note("lock", "text", &found).expect("noted");
        let missed = Verdict::NotFound(vec!["lints".into()]);
        first.note("limit", "text", &missed).expect("noted");
        assert_eq!(open("1").of("limit", "text"), Some(missed));
        let next = open("2");
        assert_eq!(next.of("lock", "text"), Some(found));
        assert_eq!(next.of("lock", "other text"), None);
        assert_eq!(next.of("limit", "text"), None);
        fs::remove_file(file).expect("removed");
    }
}
