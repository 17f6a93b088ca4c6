//! What all checks of one step share.

use std::sync::atomic::{AtomicU64, Ordering};

use ballet::core::part::StepPart;
use ballet::core::{System, topology};
use ballet::{Clock, EventType, SagaId, Service, Settings};
use serde_json::Value;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use super::case::{Case, Events, Trigger};
use super::seen::Seen;
use super::world::World;
use super::wrong::{Checked, Wrong, ensure};
use super::{Outside, Suite};
use crate::{Database, Postgres};

/// Tells the suite's own sessions from those of the service.
pub(super) const SESSIONS: &str = "suite";

/// One step under test, with its database and what its undisturbed runs leave.
pub(super) struct Bench<'a> {
    pub(super) suite: &'a Suite,
    pub(super) part: &'a StepPart,
    pub(super) case: Case,
    pub(super) definitions: Value,
    database: Database,
    context: Clock,
    starts: AtomicU64,
    pub(super) expected: Expected,
}

/// What undisturbed runs leave.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) before: Seen,
    pub(super) done: Seen,
    pub(super) refused: Seen,
    /// Aborted, and never triggered.
    pub(super) aborted: Seen,
    /// Done, then aborted.
    pub(super) undone: Seen,
}

/// What is disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Run,
    Refusal,
    Undo,
}

impl<'a> Bench<'a> {
    pub(super) async fn new(suite: &'a Suite, part: &'a StepPart, case: Case) -> Checked<Self> {
        let postgres = Postgres::shared().await?;
        let database = Database::new(postgres, part.name).await?;
        let system = System { name: "suite", parts: vec![suite.part.clone()] };
        let system_context = Clock::system();
        // The clock stands still, so that two runs write down the same times.
        let now = system_context.now();
        let bench = Self {
            suite,
            part,
            case,
            definitions: topology::definitions(&system, |_| String::new()),
            database,
            context: Clock::new(move || now, 0),
            starts: AtomicU64::new(1),
            expected: Expected::default(),
        };
        // Makes the tables.
        let nobody = std::sync::Arc::new(crate::memory::MemoryBroker::new());
        bench.start(&Outside::default(), nobody, None).await?;
        Ok(bench)
    }

    /// Starts the service, like one more process.
    pub(super) async fn start(
        &self,
        outside: &Outside,
        broker: std::sync::Arc<dyn ballet_amqp::Broker>,
        limits: Option<(u16, u16)>,
    ) -> Checked<ballet::Running> {
        // New ids must not be those of an earlier process.
        let seed = self.starts.fetch_add(1, Ordering::Relaxed);
        let now = self.context.now();
        let mut settings = Settings::new("amqp://in-memory", self.database.url());
        if let Some((batch, prefetch)) = limits {
            (settings.batch, settings.prefetch) = (batch, Some(prefetch));
        }
        let service: Service = (self.suite.service)(&settings, outside);
        let context = Clock::new(move || now, seed);
        Ok(service.clock(context).broker(broker).start(settings).await?)
    }

    pub(super) async fn connect(&self) -> Checked<PgConnection> {
        let options: PgConnectOptions = self.database.url().parse()?;
        Ok(options.application_name(SESSIONS).connect().await?)
    }

    pub(super) fn new_saga(&self) -> SagaId {
        SagaId(self.context.new_id(self.context.now()))
    }

    pub(super) fn new_id(&self) -> String {
        self.context.new_id(self.context.now()).to_string()
    }

    /// The events that make the step done; a request is no event.
    pub(super) fn done(&self) -> Checked<&Events> {
        match &self.case.trigger {
            Trigger::Events(events) => Ok(events),
            Trigger::Request(..) => Err(missing("events that make it done")),
        }
    }

    pub(super) fn refused(&self) -> Checked<&Events> {
        match &self.case.refused {
            Some(Trigger::Events(events)) => Ok(events),
            Some(Trigger::Request(..)) | None => Err(missing("`refused_by`: it may refuse")),
        }
    }

    pub(super) fn abort(&self) -> Checked<&Events> {
        self.case.abort.as_ref().ok_or_else(|| missing("`aborted_by`: it may be aborted"))
    }

    /// The event by which the saga is aborted.
    pub(super) fn abort_event(&self) -> Option<EventType> {
        let sagas = &self.suite.part.sagas;
        let saga = sagas.iter().find(|saga| saga.steps.contains(self.part));
        saga.and_then(|saga| saga.abort)
    }

    /// What sets off a phase.
    pub(super) fn events(&self, phase: Phase) -> Checked<&Events> {
        match phase {
            Phase::Run => self.done(),
            Phase::Refusal => self.refused(),
            Phase::Undo => self.abort(),
        }
    }

    /// What a phase leaves, undisturbed.
    pub(super) const fn after(&self, phase: Phase) -> &Seen {
        match phase {
            Phase::Run => &self.expected.done,
            Phase::Refusal => &self.expected.refused,
            Phase::Undo => &self.expected.undone,
        }
    }

    /// A world in which a phase may begin.
    pub(super) async fn world_before(&self, phase: Phase) -> Checked<World<'_>> {
        let mut world = World::open(self, 1, phase == Phase::Refusal).await?;
        if phase == Phase::Undo {
            world.tell(0, self.done()?);
            world.quiet().await?;
        }
        Ok(world)
    }
}

pub(super) fn missing(what: &str) -> Wrong {
    Wrong(format!("the sample lacks {what}"))
}

/// Two runs must have left the same.
pub(super) fn same(found: &Seen, expected: &Seen) -> Checked {
    match found.differs_from(expected) {
        None => Ok(()),
        Some(words) => Err(Wrong(format!("it is not as without the disturbance:{words}"))),
    }
}

/// A run must not have left any effect beyond those that should be.
pub(super) fn same_effects(found: &Seen, expected: &Seen) -> Checked {
    ensure(found.effects == expected.effects, || {
        let (should, are) =
            (super::seen::list(&expected.effects), super::seen::list(&found.effects));
        format!("effects should be:{should}\n  and are:{are}")
    })
}
