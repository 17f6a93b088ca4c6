//! The scenarios of the suite, by name.

use std::fmt;
use std::time::Duration;

use crate::participant::contract::Contract;
use crate::participant::program::Program;
use crate::participant::rig::world::{ScenarioResult, ScenarioWorld, to_failure};
use crate::participant::scenarios::{aborts, calls, copies, deaths, ids, outages, poison, steps};
use ballet_stage::{Options, Servers};

/// A scenario for the program. At its end every effect must exist once, every event must be published under one id,
/// and the program must obey a SIGTERM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// A message comes once, and another with a field that is not known yet.
    Once,
    /// The same message comes several times, also under another id.
    Twice,
    /// Two processes get copies of the same messages at the same time.
    TwoProcesses,
    /// The saga is aborted after the step, several times. Then the event that triggers the step comes again.
    AbortAfter,
    /// The abort comes before the event that triggers the step.
    AbortBefore,
    /// Two processes get the event and the abort at the same time.
    AbortMeanwhile,
    /// The process is killed before it commits.
    KilledBeforeCommit,
    /// The process is killed between the commit and the publishing.
    KilledAfterCommit,
    /// The process is killed at random moments, under load.
    KilledUnderLoad,
    /// The broker's confirmation of an event is lost with the connection.
    ConfirmLost,
    /// No event becomes visible before its effect is committed.
    NotBeforeCommit,
    /// The process is asked to stop under load, and started again.
    Stopped,
    /// The connections to both servers break under load.
    ConnectionsLost,
    /// The database is unavailable for a while.
    DatabaseAway,
    /// The broker is killed and started again. This scenario has its own servers.
    BrokerRestarted,
    /// Messages come that cannot be handled.
    Poison,
    /// The broker refuses dead letters for a while, and the process is killed meanwhile.
    DeadLettersRefused,
    /// The step fails for a while although the servers work, then succeeds.
    FailsForAWhile,
    /// The id of a message comes again in another saga. A program that remembers ids takes this message for a copy.
    ReusedId,
    /// Ids are too old to be remembered, or lie in the future.
    OldIds,
    /// The step refuses, gets the trigger again, and its saga is aborted.
    Refused,
    /// The events of a join come in another order and more than once, and some after the abort.
    Join,
    /// The provider is unavailable, its answer is lost, and the process is killed while it waits for one.
    CallUnknown,
    /// The saga is aborted during the step's call.
    CallAborted,
}

impl Scenario {
    /// All scenarios.
    pub const ALL: [Self; 24] = [
        Self::KilledUnderLoad,
        Self::DeadLettersRefused,
        Self::FailsForAWhile,
        Self::Once,
        Self::Twice,
        Self::TwoProcesses,
        Self::AbortAfter,
        Self::AbortBefore,
        Self::AbortMeanwhile,
        Self::KilledBeforeCommit,
        Self::KilledAfterCommit,
        Self::ConfirmLost,
        Self::NotBeforeCommit,
        Self::Stopped,
        Self::ConnectionsLost,
        Self::DatabaseAway,
        Self::Poison,
        Self::ReusedId,
        Self::OldIds,
        Self::Refused,
        Self::Join,
        Self::CallUnknown,
        Self::CallAborted,
        Self::BrokerRestarted,
    ];

    /// Returns what the scenario needs and the file or the step lacks.
    pub(crate) fn lacks(self, contract: &Contract) -> Option<&'static str> {
        let (has, what) = match self {
            Self::Refused => (contract.refused_by.is_some(), "the file has no `refused_by`"),
            Self::Join => {
                let joins = contract.types().is_ok_and(|types| types.triggers.len() > 1);
                (joins, "the step waits for one event only")
            }
            Self::FailsForAWhile => (contract.trouble.is_some(), "the file has no `trouble`"),
            Self::CallUnknown | Self::CallAborted => {
                (contract.calls.is_some(), "the file has no `calls`")
            }
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
        if self == Self::BrokerRestarted {
            let servers = Servers::own_broker(Options::fast()).await.map_err(to_failure)?;
            let world = ScenarioWorld::new(&servers, program, contract, patience).await?;
            outages::broker(world, &servers).await?;
            return servers.stop().await.map_err(to_failure);
        }
        let servers = Servers::shared().await.map_err(to_failure)?;
        let world = ScenarioWorld::new(servers, program, contract, patience).await?;
        match self {
            Self::Once => copies::once(world).await,
            Self::Twice => copies::twice(world).await,
            Self::TwoProcesses => copies::two_processes(world).await,
            Self::AbortAfter => aborts::after(world).await,
            Self::AbortBefore => aborts::before(world).await,
            Self::AbortMeanwhile => aborts::meanwhile(world).await,
            Self::KilledBeforeCommit => deaths::before_the_commit(world).await,
            Self::KilledAfterCommit => deaths::after_the_commit(world).await,
            Self::KilledUnderLoad => deaths::under_load(world).await,
            Self::ConfirmLost => deaths::without_the_confirm(world).await,
            Self::NotBeforeCommit => deaths::not_before_the_commit(world).await,
            Self::Stopped => deaths::by_request(world).await,
            Self::ConnectionsLost => outages::connections(world).await,
            Self::DatabaseAway => outages::database(world).await,
            Self::BrokerRestarted => Err("it has servers of its own".to_owned()),
            Self::Poison => poison::poison(world).await,
            Self::DeadLettersRefused => poison::dead_letters(world).await,
            Self::FailsForAWhile => steps::later(world).await,
            Self::ReusedId => ids::reused(world).await,
            Self::OldIds => ids::old(world).await,
            Self::Refused => steps::refused(world).await,
            Self::Join => steps::join(world).await,
            Self::CallUnknown => calls::unknown(world).await,
            Self::CallAborted => calls::aborted(world).await,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
