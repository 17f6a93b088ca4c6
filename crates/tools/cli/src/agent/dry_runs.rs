//! The dry runs that were answered: an act needs the token of one with the same arguments.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use ballet::Clock;
use serde_json::{Map, Value};

use crate::base::exit::usage;

/// The time for which a token is valid: what was said may no longer be so afterwards.
const VALID: Duration = Duration::from_mins(10);
/// The most tokens that are valid at a time. Then the oldest ends.
const MOST: usize = 100;

/// The dry runs of one client.
#[derive(Debug, Default)]
pub(super) struct DryRuns(Mutex<BTreeMap<String, DryRun>>);

#[derive(Debug)]
struct DryRun {
    tool: &'static str,
    arguments: Map<String, Value>,
    at: Instant,
}

impl DryRuns {
    /// Remembers a dry run, and returns its token.
    pub(super) fn remember(&self, tool: &'static str, arguments: Map<String, Value>) -> String {
        let clock = Clock::system();
        let token = clock.new_id(clock.now()).to_string();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, one| one.at.elapsed() < VALID);
        let oldest = all.iter().min_by_key(|(_, one)| one.at).map(|(token, _)| token.clone());
        if let Some(oldest) = oldest.filter(|_| all.len() >= MOST) {
            all.remove(&oldest);
        }
        all.insert(token.clone(), DryRun { tool, arguments, at: Instant::now() });
        token
    }

    /// Takes the token of a dry run. Each is good for one act.
    pub(super) fn take(
        &self,
        tool: &str,
        arguments: &Map<String, Value>,
        token: &str,
    ) -> Result<()> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, one| one.at.elapsed() < VALID);
        let again =
            "make a dry run with the arguments of the act, and give the token of its answer";
        match all.get(token) {
            None => {
                Err(usage(format!("this token is unknown, used or older than 10 minutes: {again}")))
            }
            Some(one) if one.tool != tool || one.arguments != *arguments => {
                Err(usage(format!("this token is of a dry run with other arguments: {again}")))
            }
            Some(_) => {
                all.remove(token);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_good_once_for_the_same_tool_and_arguments() {
        let arguments = |value: Value| value.as_object().cloned().expect("an object");
        let (one, other) = (arguments(json!({ "id": ["1"] })), arguments(json!({ "all": true })));
        let runs = DryRuns::default();
        let token = runs.remember("dlq_discard", one.clone());
        for (tool, arguments, token, said) in [
            ("dlq_discard", &one, "nothing", "unknown"),
            ("dlq_discard", &other, &*token, "other arguments"),
            ("dlq_redrive", &one, &*token, "other arguments"),
        ] {
            let error = runs.take(tool, arguments, token).expect_err(said).to_string();
            assert!(error.contains(said) && error.contains("make a dry run"), "{error}");
        }
        runs.take("dlq_discard", &one, &token).expect("a token");
        runs.take("dlq_discard", &one, &token).expect_err("it is used");
        for _ in 0..2 * MOST {
            let token = runs.remember("dlq_discard", one.clone());
            assert!(runs.0.lock().expect("no panic").len() <= MOST);
            assert!(runs.0.lock().expect("no panic").contains_key(&token));
        }
    }
}
