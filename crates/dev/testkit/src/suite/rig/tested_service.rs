//! The service under test, and the queries that show what its steps do.

use ballet::core::part::{Part, StepPart};
use ballet::{Service, Settings};

use crate::suite::rig::outside::Outside;

/// The service's calls go through the [`Outside`].
pub(crate) type MakeService = Box<dyn Fn(&Settings, &Outside) -> Service + Send + Sync>;

pub(crate) struct TestedService {
    pub(crate) part: Part,
    pub(crate) service: MakeService,
    /// SQL for rows that exist before any saga.
    pub(crate) reference: &'static str,
    /// Queries, by name, for what a refused or undone step must not leave.
    pub(crate) effects: Vec<(&'static str, &'static str)>,
    /// Queries, by name, for all other rows that a step writes.
    pub(crate) records: Vec<(&'static str, &'static str)>,
}

impl TestedService {
    pub(crate) fn steps(&self) -> impl Iterator<Item = &StepPart> {
        self.part.sagas.iter().flat_map(|saga| &saga.steps)
    }
}
