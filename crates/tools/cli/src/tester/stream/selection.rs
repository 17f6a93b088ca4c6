//! The part of the journal that is read, and the selected events.

use std::time::Duration;

use anyhow::Result;
use ballet::core::System;
use ballet_ops::stream::{RecordFilter, Start, TypePattern};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::base::exit::usage;
use crate::base::options::GlobalOptions;
use crate::base::systems::loaded_system;
use crate::base::time_or_age::TimeOrAge;
use crate::base::ui;

/// The options that select events.
#[derive(Debug, Args)]
pub(crate) struct StreamSelection {
    /// Types; * stands for one word, # for any number: 'orders.#' or '*.*.v2'
    #[arg(value_name = "TYPE")]
    types: Vec<TypePattern>,
    /// Only this saga: its id, or the last digits of it
    #[arg(long, value_name = "ID", help_heading = "Selection", value_parser = NonEmptyStringValueParser::new())]
    saga: Vec<String>,
    /// Only events of this service, and dead letters of it
    #[arg(long, value_name = "NAME", help_heading = "Selection")]
    service: Vec<String>,
}

impl StreamSelection {
    pub(crate) fn filter(&self) -> RecordFilter {
        let Self { types, saga, service } = self;
        RecordFilter { types: types.clone(), sagas: saga.clone(), services: service.clone() }
    }

    /// Undeclared types may be misspelt, and waiting for them is silent.
    pub(crate) fn say_undeclared(&self) {
        let declared = loaded_system().map(System::known_types).unwrap_or_default();
        let is_declared =
            |wanted: &TypePattern| declared.iter().any(|event| wanted.matches(event.name()));
        for wanted in self.types.iter().filter(|_| !declared.is_empty()) {
            if !is_declared(wanted) {
                ui::say(&format!(
                    "no contract declares {wanted}: `ballet catalog` lists all types"
                ));
            }
        }
    }
}

/// The options that limit the part of the journal.
#[derive(Debug, Default, Args)]
pub(crate) struct JournalRange {
    /// The place to begin: first, last, next, or an offset
    #[arg(
        long,
        value_name = "PLACE",
        help_heading = "Range",
        conflicts_with = "since",
        value_parser = place
    )]
    pub(crate) from: Option<Start>,
    /// The time to begin: an age such as 10m, or a time such as 2026-11-22T09:00:00Z
    #[arg(long, value_name = "AGE|TIME", help_heading = "Range")]
    since: Option<TimeOrAge>,
    /// Stop at the last event that is there when the command begins
    #[arg(long, value_name = "now", help_heading = "Range", value_parser = ["now"])]
    until: Option<String>,
    /// Stop after this many events
    #[arg(long, value_name = "N", help_heading = "Range")]
    pub(crate) limit: Option<u64>,
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    Duration::try_from(ui::age(text)?).map_err(|error| error.to_string())
}

fn place(text: &str) -> Result<Start, String> {
    Ok(match text {
        "first" => Start::First,
        "last" => Start::Last,
        "next" => Start::Next,
        offset => {
            let offset = offset.parse();
            Start::Offset(offset.map_err(|_| "expected first, last, next or an offset")?)
        }
    })
}

impl JournalRange {
    pub(crate) fn start(&self, options: &GlobalOptions) -> Result<Option<Start>> {
        match (self.from, self.since) {
            (Some(start), _) => Ok(Some(start)),
            (None, Some(since)) => {
                let now = options.clock.now();
                let since = since.before(now)?;
                if since > now {
                    return Err(usage(format!("--since {since} is in the future")));
                }
                Ok(Some(Start::Time(since)))
            }
            (None, None) => Ok(None),
        }
    }

    /// Events from before the command.
    pub(crate) fn until_the_end() -> Self {
        Self { until: Some("now".to_owned()), ..Self::default() }
    }

    pub(crate) fn until_now(&self) -> bool {
        self.until.is_some()
    }
}
