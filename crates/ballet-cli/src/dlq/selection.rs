//! The options that select dead letters.

use anyhow::Result;
use ballet_ops::redrive::Filter;
use clap::Args;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

use crate::exit::usage;

/// Selects the dead letters that match all given options.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Only those of this service [default: all known services]
    #[arg(long, value_name = "NAME", help_heading = "Selection")]
    pub(crate) service: Vec<String>,
    /// Only those with this reason
    #[arg(long, help_heading = "Selection")]
    reason: Option<String>,
    /// Only those that failed in this step
    #[arg(long, help_heading = "Selection")]
    step: Option<String>,
    /// Only events of this type
    #[arg(long = "type", value_name = "EVENT", help_heading = "Selection")]
    event_type: Option<String>,
    /// Only those with this message id; its last digits are enough
    #[arg(long, value_name = "ID", help_heading = "Selection")]
    pub(crate) id: Vec<String>,
    /// Only those of this saga
    #[arg(long, value_name = "ID", help_heading = "Selection")]
    saga: Option<String>,
    /// Only those that died longer ago than this: `90s`, `30min`, `2h`, `7d`
    #[arg(long, value_name = "AGE", value_parser = age, help_heading = "Selection")]
    older_than: Option<SignedDuration>,
    /// Only those that died more recently than this
    #[arg(long, value_name = "AGE", value_parser = age, help_heading = "Selection")]
    newer_than: Option<SignedDuration>,
}

impl Selection {
    pub(crate) fn filter(&self, now: Timestamp) -> Filter {
        Filter {
            reason: self.reason.clone(),
            step: self.step.clone(),
            event_type: self.event_type.clone(),
            ids: self.id.clone(),
            saga: self.saga.clone(),
            before: self.older_than.map(|age| now - age),
            after: self.newer_than.map(|age| now - age),
        }
    }

    /// Whether any option besides the service is given.
    fn is_given(&self) -> bool {
        let Self { service: _, reason, step, event_type, id, saga, older_than, newer_than } = self;
        [reason, step, event_type, saga].iter().any(|option| option.is_some())
            || !id.is_empty()
            || older_than.is_some()
            || newer_than.is_some()
    }

    /// Refuses to go on without a selection or `--all`, so that nobody redrives or discards
    /// everything by mistake.
    pub(crate) fn require_unless(&self, all: bool) -> Result<()> {
        if all || self.is_given() {
            return Ok(());
        }
        Err(usage(
            "no dead letters are selected: give --id, --reason, --step, --type, --saga, \
             --older-than or --newer-than, or --all; `ballet dlq groups` shows what there is",
        ))
    }
}

/// Parses an age such as `30min`.
fn age(text: &str) -> Result<SignedDuration, String> {
    let span = text.parse::<Span>().map_err(|error| error.to_string())?;
    let age = span.to_duration(SpanRelativeTo::days_are_24_hours());
    let age = age.map_err(|error| error.to_string())?;
    if age.is_negative() { Err("an age is not negative".to_owned()) } else { Ok(age) }
}
