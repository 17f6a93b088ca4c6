//! Options that select dead letters.

use std::collections::BTreeSet;

use anyhow::Result;
use ballet::MessageId;
use ballet::core::Reason;
use ballet_ops::missed::MissedEvents;
use ballet_ops::redrive::DeadLetterFilter;
use clap::Args;
use jiff::{SignedDuration, Timestamp};

use crate::base::exit::usage;
use crate::base::ui::{self, age};

const MOST_SHOWN: usize = 5;

/// Selects the dead letters that match all given options.
#[derive(Debug, Args)]
pub(crate) struct DeadLetterSelection {
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
    /// Only those whose detail contains this text
    #[arg(long, value_name = "TEXT", help_heading = "Selection")]
    detail: Option<String>,
    /// Only those of the group with this id, as `dlq groups` shows it
    #[arg(long, value_name = "ID", help_heading = "Selection")]
    group: Option<String>,
    /// Only those with this message id; its last digits are enough
    #[arg(long, value_name = "ID", help_heading = "Selection")]
    id: Vec<String>,
    /// Only those of this saga; the last digits of its id are enough
    #[arg(long, value_name = "ID", help_heading = "Selection")]
    saga: Option<String>,
    /// Only those that died longer ago than this: `90s`, `30min`, `2h`, `7d`
    #[arg(long, value_name = "AGE", value_parser = age, help_heading = "Selection")]
    older_than: Option<SignedDuration>,
    /// Only those that died more recently than this
    #[arg(long, value_name = "AGE", value_parser = age, help_heading = "Selection")]
    newer_than: Option<SignedDuration>,
}

impl DeadLetterSelection {
    pub(crate) fn filter(&self, now: Timestamp) -> DeadLetterFilter {
        let ago = |age| now.checked_sub(age).unwrap_or(Timestamp::MIN);
        DeadLetterFilter {
            reason: self.reason.clone(),
            step: self.step.clone(),
            event_type: self.event_type.clone(),
            detail: self.detail.clone(),
            cause: None,
            group: self.group.clone(),
            ids: self.id.clone(),
            seen: None,
            saga: self.saga.clone(),
            before: self.older_than.map(ago),
            after: self.newer_than.map(ago),
            limit: None,
        }
    }

    pub(crate) fn narrow(&self, missed: &mut MissedEvents) -> Result<()> {
        self.require_whole_ids(missed.events().into_iter().map(|event| event.id))?;
        missed.retain(|event| {
            self.event_type.as_ref().is_none_or(|wanted| *wanted == event.event_type)
                && self.saga.as_ref().is_none_or(|end| match &event.saga {
                    Some(saga) => is_end(end, saga),
                    None => is_end(end, &event.id.to_string()),
                })
                && (self.id.is_empty() || self.names(event.id))
        });
        Ok(())
    }

    fn names(&self, id: MessageId) -> bool {
        let id = id.to_string();
        self.id.iter().any(|end| is_end(end, &id))
    }

    /// Nobody shall send or discard another message than meant, so the end of an id that several messages share is
    /// refused.
    pub(crate) fn require_whole_ids(&self, ids: impl Iterator<Item = MessageId>) -> Result<()> {
        let ids: BTreeSet<String> = ids.map(|id| id.to_string()).collect();
        for end in &self.id {
            let found: Vec<&str> =
                ids.iter().map(String::as_str).filter(|id| is_end(end, id)).collect();
            if found.len() > 1 {
                let (count, first) = (found.len(), found[..found.len().min(MOST_SHOWN)].join(", "));
                let more = if count > MOST_SHOWN { ", ..." } else { "" };
                return Err(usage(format!(
                    "--id {end:?} is the end of {count} ids, give more of the one that you mean: \
                     {first}{more}"
                )));
            }
        }
        Ok(())
    }

    fn is_given(&self) -> bool {
        let texts =
            [&self.reason, &self.step, &self.event_type, &self.detail, &self.group, &self.saga];
        texts.iter().any(|option| option.is_some())
            || !self.id.is_empty()
            || self.older_than.is_some()
            || self.newer_than.is_some()
    }

    /// Nobody shall redrive or discard everything by mistake.
    pub(crate) fn require_unless(&self, all: bool) -> Result<()> {
        if all || self.is_given() {
            return Ok(());
        }
        Err(usage(format!(
            "no dead letters are selected: give --id, --group, --reason, --step, --type, \
             --detail, --saga, --older-than or --newer-than, or --all; `{} dlq groups` shows what there is",
            ui::ballet()
        )))
    }

    /// Refuses a reason that no service gives; for a selection that matches nothing. A service that is written without
    /// ballet may give reasons of its own, which then match.
    pub(crate) fn require_known_reason(&self) -> Result<()> {
        let Some(reason) = &self.reason else { return Ok(()) };
        let known = Reason::ALL.map(Reason::code);
        if known.contains(&reason.as_str()) {
            return Ok(());
        }
        Err(usage(format!(
            "no dead letter has the reason {reason:?}, which is none of {}",
            known.join(", ")
        )))
    }
}

fn is_end(end: &str, id: &str) -> bool {
    !end.is_empty() && id.ends_with(&end.to_lowercase())
}
