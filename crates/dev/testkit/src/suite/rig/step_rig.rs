//! One step under test: its database, its sample, and the snapshots of its undisturbed runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ballet::core::part::StepPart;
use ballet::core::{System, topology};
use ballet::{Clock, EventType, SagaId, Service, Settings};
use serde_json::Value;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use crate::memory::broker::MemoryBroker;
use crate::suite::rig::case::{CaseTrigger, Events, StepCase};
use crate::suite::rig::check_result::{CheckFailure, CheckResult};
use crate::suite::rig::outside::Outside;
use crate::suite::rig::snapshot::RunSnapshot;
use crate::suite::rig::tested_service::TestedService;
use ballet_stage::Database;
use ballet_stage::Postgres;

/// It marks the suite's own sessions and messages.
pub(crate) const SESSIONS: &str = "suite";

pub(crate) struct StepRig<'a> {
    pub(crate) subject: &'a TestedService,
    pub(crate) part: &'a StepPart,
    pub(crate) case: StepCase,
    pub(crate) definitions: Value,
    database: Database,
    context: Clock,
    starts: AtomicU64,
    pub(crate) expected: ExpectedSnapshots,
}

#[derive(Debug, Default)]
pub(crate) struct ExpectedSnapshots {
    pub(crate) before: RunSnapshot,
    pub(crate) done: RunSnapshot,
    pub(crate) refused: RunSnapshot,
    /// The saga is aborted, and the step never triggered.
    pub(crate) aborted: RunSnapshot,
    /// The step is done, then the saga is aborted.
    pub(crate) compensated: RunSnapshot,
}

/// What a check disturbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Run,
    Refusal,
    Undo,
}

impl Phase {
    pub(crate) fn named(self, check: &str) -> String {
        let of = match self {
            Self::Run => "",
            Self::Refusal => ", refusing",
            Self::Undo => ", undoing",
        };
        format!("{check}{of}")
    }
}

impl<'a> StepRig<'a> {
    pub(crate) async fn new(
        subject: &'a TestedService,
        part: &'a StepPart,
        case: StepCase,
    ) -> CheckResult<Self> {
        let postgres = Postgres::shared().await?;
        let service = subject.part.service;
        let mut made = Database::prepared(postgres, part.name, &[service]).await?;
        let missing = || CheckFailure(format!("no database was made for {service}"));
        let database = made.remove(service).ok_or_else(missing)?;
        let system = System { name: "suite", parts: vec![subject.part.clone()] };
        let system_context = Clock::system();
        // The clock stands still, so two runs write the same times.
        let now = system_context.now();
        let rig = Self {
            subject,
            part,
            case,
            definitions: topology::definitions(&system, |_| String::new()),
            database,
            context: Clock::standing(now, 0),
            starts: AtomicU64::new(1),
            expected: ExpectedSnapshots::default(),
        };
        // A first start creates the service's tables.
        let nobody = Arc::new(MemoryBroker::new());
        rig.start(&Outside::default(), nobody, None).await?;
        Ok(rig)
    }

    pub(crate) async fn start(
        &self,
        outside: &Outside,
        broker: Arc<dyn ballet_amqp::Broker>,
        limits: Option<(u16, u16)>,
    ) -> CheckResult<ballet::Running> {
        // New ids must differ from those of an earlier process.
        let seed = self.starts.fetch_add(1, Ordering::Relaxed);
        let now = self.context.now();
        let mut settings = Settings::new("amqp://in-memory", self.database.url());
        if let Some((batch, prefetch)) = limits {
            (settings.batch, settings.prefetch) = (batch, Some(prefetch));
        }
        let service: Service = (self.subject.service)(&settings, outside);
        let context = Clock::standing(now, seed);
        Ok(service.clock(context).broker(broker).start(settings).await?)
    }

    pub(crate) async fn connect(&self) -> CheckResult<PgConnection> {
        let options: PgConnectOptions = self.database.url().parse()?;
        Ok(options.application_name(SESSIONS).connect().await?)
    }

    pub(crate) fn new_saga(&self) -> SagaId {
        SagaId(self.context.new_id(self.context.now()))
    }

    pub(crate) fn new_id(&self) -> String {
        self.context.new_id(self.context.now()).to_string()
    }

    /// Returns no events for a request.
    pub(crate) fn done(&self) -> CheckResult<&Events> {
        match &self.case.trigger {
            CaseTrigger::Events(events) => Ok(events),
            CaseTrigger::Request(..) => Err(missing("events that make it done")),
        }
    }

    pub(crate) fn refused(&self) -> CheckResult<&Events> {
        match &self.case.refused {
            Some(CaseTrigger::Events(events)) => Ok(events),
            Some(CaseTrigger::Request(..)) | None => Err(missing("`refused_by`: it may refuse")),
        }
    }

    pub(crate) fn abort(&self) -> CheckResult<&Events> {
        self.case.abort.as_ref().ok_or_else(|| missing("`aborted_by`: it may be aborted"))
    }

    pub(crate) fn abort_event(&self) -> Option<EventType> {
        let sagas = &self.subject.part.sagas;
        let saga = sagas.iter().find(|saga| saga.steps.contains(self.part));
        saga.and_then(|saga| saga.abort)
    }

    pub(crate) fn events(&self, phase: Phase) -> CheckResult<&Events> {
        match phase {
            Phase::Run => self.done(),
            Phase::Refusal => self.refused(),
            Phase::Undo => self.abort(),
        }
    }

    pub(crate) const fn after(&self, phase: Phase) -> &RunSnapshot {
        match phase {
            Phase::Run => &self.expected.done,
            Phase::Refusal => &self.expected.refused,
            Phase::Undo => &self.expected.compensated,
        }
    }
}

pub(crate) fn missing(what: &str) -> CheckFailure {
    CheckFailure(format!("the sample lacks {what}"))
}
