//! The events that a replay sends.

use std::path::Path;

use anyhow::Result;
use ballet_ops::stream::{
    Hindrance, MadeKeys, OutsideEvents, Record, RecordFilter, Recording, Repeatable, is_event,
};
use uuid::Uuid;

use crate::base::exit::usage;
use crate::base::options::GlobalOptions;
use crate::base::systems::{contracts, loaded_system, system};
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
    repeatable: Option<Repeatable>,
    /// Leaves the other sagas out.
    only_repeatable: bool,
    /// The keys that get new values.
    pub(crate) made: MadeKeys,
    /// The options of the selection, as they are typed.
    pub(crate) words: String,
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
        let mut words = selection.words();
        for (is_set, flag) in [(from_outside, "--from-outside"), (new_ids, "--new-ids")] {
            if is_set {
                words.push(flag.to_owned());
            }
        }
        let words = words.join(" ");
        let (filter, repeatable) = (selection.filter(), None);
        Ok(Self { filter, outside, repeatable, only_repeatable: false, made, words })
    }

    /// With `only`, sagas of this recording that a replay cannot repeat are left out.
    pub(crate) fn of_repeatable(mut self, recording: &Path, only: bool) -> Result<Self> {
        self.only_repeatable = only;
        self.repeatable = loaded_system().map(Repeatable::by);
        if let Some(repeatable) = &mut self.repeatable {
            for record in Recording::open(recording)? {
                repeatable.add(&record?);
            }
        }
        Ok(self)
    }

    pub(crate) fn selects(&self, record: &Record) -> bool {
        let is_left_out = || self.only_repeatable && self.hindrance(record).is_some();
        self.is_wanted(record) && !is_left_out()
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
