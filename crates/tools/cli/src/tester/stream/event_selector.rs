//! The events that a replay sends.

use std::path::Path;

use anyhow::Result;
use ballet_ops::stream::{
    Hindrance, MadeKeys, OutsideEvents, Record, RecordFilter, Recording, Repeatable, is_event,
};
use uuid::Uuid;

use crate::base::exit::usage;
use crate::base::options::GlobalOptions;
use crate::base::systems::{contracts, system};
use crate::base::ui;
use crate::tester::stream::selection::StreamSelection;

/// Nothing of the recording is sent.
pub(crate) fn nothing_to_compare(recording: &Path) -> anyhow::Error {
    let file = recording.display();
    usage(format!("{file} has no event that can be sent, so nothing can be compared"))
}

pub(crate) struct EventSelector {
    filter: RecordFilter,
    outside: Option<OutsideEvents>,
    pub(crate) repeatable: Option<Repeatable>,
    /// The keys that get new values.
    pub(crate) made: MadeKeys,
}

impl EventSelector {
    pub(crate) fn new(
        selection: &StreamSelection,
        new_ids: bool,
        from_outside: bool,
        options: &GlobalOptions,
    ) -> Result<Self> {
        let outside = if from_outside { Some(OutsideEvents::of(system()?)) } else { None };
        let made = if new_ids { made_keys(options)? } else { MadeKeys::default() };
        let (filter, repeatable) = (selection.filter(), None);
        Ok(Self { filter, outside, repeatable, made })
    }

    /// Sagas of this recording that a replay cannot repeat are left out.
    pub(crate) fn of_repeatable(mut self, recording: &Path) -> Result<Self> {
        let mut repeatable = Repeatable::by(system()?);
        for record in Recording::open(recording)? {
            repeatable.add(&record?);
        }
        self.repeatable = Some(repeatable);
        Ok(self)
    }

    pub(crate) fn selects(&self, record: &Record) -> bool {
        self.is_wanted(record) && self.hindrance(record).is_none()
    }

    pub(crate) fn hindrance(&self, record: &Record) -> Option<(Uuid, Hindrance)> {
        let saga = record.saga_id()?;
        Some((saga, self.repeatable.as_ref()?.hindrance(saga)?))
    }

    pub(crate) fn is_wanted(&self, record: &Record) -> bool {
        is_event(record)
            && self.filter.matches(record)
            && self.outside.as_ref().is_none_or(|outside| outside.is_from_outside(record))
    }
}

/// Empty without contracts, which a replay does not need.
fn made_keys(options: &GlobalOptions) -> Result<MadeKeys> {
    match contracts() {
        Ok(contracts) => Ok(MadeKeys::of(contracts.keys())),
        Err(error) if options.contracts.is_some() => Err(error),
        Err(error) => {
            ui::say(&format!("keys that services make stay as they are: {error:#}"));
            Ok(MadeKeys::default())
        }
    }
}
