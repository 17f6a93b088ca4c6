//! Options that select dead letters.

use std::collections::BTreeSet;

use anyhow::Result;
use ballet::MessageId;
use ballet_ops::redrive::DeadLetterFilter;
use clap::Args;

use crate::base::exit::usage;
use crate::base::ui;

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
    /// Only events of this type
    #[arg(long = "type", value_name = "EVENT", help_heading = "Selection")]
    event_type: Option<String>,
    /// Only those of the group with this id, as `dlq groups` shows it
    #[arg(long, value_name = "ID", help_heading = "Selection")]
    group: Option<String>,
    /// Only those with this message id; its last digits are enough
    #[arg(long, value_name = "ID", help_heading = "Selection")]
    id: Vec<String>,
    /// Only those of this saga; the last digits of its id are enough
    #[arg(long, value_name = "ID", help_heading = "Selection")]
    saga: Option<String>,
}

impl DeadLetterSelection {
    pub(crate) fn filter(&self) -> DeadLetterFilter {
        DeadLetterFilter {
            reason: self.reason.clone(),
            event_type: self.event_type.clone(),
            group: self.group.clone(),
            ids: self.id.clone(),
            saga: self.saga.clone(),
            ..DeadLetterFilter::default()
        }
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
        let texts = [&self.reason, &self.event_type, &self.group, &self.saga];
        texts.iter().any(|option| option.is_some()) || !self.id.is_empty()
    }

    /// Nobody shall redrive or discard everything by mistake.
    pub(crate) fn require_unless(&self, all: bool) -> Result<()> {
        if all || self.is_given() {
            return Ok(());
        }
        Err(usage(format!(
            "no dead letters are selected: give --id, --group, --reason, --type, --saga, or --all; `{} dlq \
             groups` shows what there is",
            ui::ballet()
        )))
    }
}

fn is_end(end: &str, id: &str) -> bool {
    !end.is_empty() && id.ends_with(&end.to_lowercase())
}
