//! The scenarios of the suite, by name.

use std::fmt;
use std::time::Duration;

use crate::participant::contract::Contract;
use crate::participant::program::Program;
use crate::participant::rig::world::{ScenarioResult, ScenarioWorld, to_failure};
use crate::participant::scenarios::{aborts, copies, deaths, ids, outages, packs, poison, steps};
use ballet_stage::Servers;

/// Declares the scenarios: each with its text and its function, the longest first.
macro_rules! scenarios {
    ($($(#[$text:meta])* $name:ident => $run:path,)+) => {
        /// A scenario for the program. In each, every effect must exist once at the end, and every event must be
        /// published under one id. Each ends with a SIGTERM, which the program must obey.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Scenario {
            $($(#[$text])* $name,)+
        }

        impl Scenario {
            /// All scenarios.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            async fn run_in(self, world: ScenarioWorld<'_>) -> ScenarioResult<()> {
                match self {
                    $(Self::$name => $run(world).await,)+
                }
            }
        }
    };
}

scenarios! {
    /// The process is killed at random moments, under load.
    KilledUnderLoad => deaths::under_load,
    /// The broker refuses dead letters for a while, and the process is killed meanwhile.
    DeadLettersRefused => poison::dead_letters,
    /// The step fails for a while although the servers work, then succeeds.
    FailsForAWhile => steps::later,
    /// The same message comes several times, also under another id, and one with a field that is not known yet.
    Twice => copies::twice,
    /// Messages come in packs, one of them twice and one with a member that cannot be handled, and the process is killed
    /// when a part of a pack is done.
    Packed => packs::packed,
    /// Two processes get copies of the same messages, or an event and the abort, at the same time.
    TwoProcesses => copies::two_processes,
    /// The saga is aborted after the step, several times. Then the event that triggers the step comes again.
    AbortAfter => aborts::after,
    /// The abort comes before the event that triggers the step.
    AbortBefore => aborts::before,
    /// The process is killed between the commit and the publishing.
    KilledAfterCommit => deaths::after_the_commit,
    /// No event becomes visible before its effect is committed.
    NotBeforeCommit => deaths::not_before_the_commit,
    /// The connections to both servers break under load.
    ConnectionsLost => outages::connections,
    /// The database is unavailable for a while.
    DatabaseAway => outages::database,
    /// Messages come that cannot be handled.
    Poison => poison::poison,
    /// The id of a message comes again in another saga. A program that remembers ids takes it for a copy.
    ReusedId => ids::reused,
    /// Ids are too old to be remembered, or lie in the future.
    OldIds => ids::old,
    /// The step refuses, gets the trigger again, and its saga is aborted.
    Refused => steps::refused,
    /// The events of a join come in another order and more than once, and some after the abort.
    Join => steps::join,
}

impl Scenario {
    /// Says what the scenario needs and the file or the step does not have.
    pub(crate) fn lacks(self, contract: &Contract) -> Option<&'static str> {
        let (has, what) = match self {
            Self::Refused => (contract.refused_by.is_some(), "the file has no `refused_by`"),
            Self::Join => {
                let joins = contract.types().is_ok_and(|types| types.triggers.len() > 1);
                (joins, "the step waits for one event only")
            }
            Self::Packed => (contract.part.takes_packs, "its contract does not say `takes_packs`"),
            Self::FailsForAWhile => (contract.trouble.is_some(), "the file has no `trouble`"),
            _ => return None,
        };
        (!has).then_some(what)
    }

    pub(crate) async fn run(
        self,
        program: &Program,
        contract: &Contract,
        patience: Duration,
    ) -> ScenarioResult<()> {
        let servers = Servers::shared().await.map_err(to_failure)?;
        let world = ScenarioWorld::new(servers, program, contract, patience).await?;
        Box::pin(self.run_in(world)).await
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
