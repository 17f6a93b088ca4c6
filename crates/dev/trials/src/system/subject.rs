//! The system under trial, without the types of its [`Trial`].

use std::collections::HashSet;
use std::fmt::Debug;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use ballet::core::{Role, System};
use ballet::{Clock, EventType};
use ballet_ops::audit::{BrokerSnapshot, Report};
use ballet_testkit::explore::Move;
use futures_util::future::LocalBoxFuture;
use jiff::SignedDuration;
use serde_json::Value;
use tokio::sync::watch;

use crate::customers::begun_saga::{BegunSaga, End};
use crate::customers::case::{Case, mix};
use crate::customers::operation::Operation;
use crate::processes::endpoints::Endpoints;
use crate::processes::gateway::GatewaySetup;
use crate::processes::program::ServiceProgram;
use crate::scene::site::Site;
use crate::system::trial::{Audit, OverdueDeadline, Sandbox, Trial};

#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) system: System,
    pub(crate) sagas: &'static str,
    /// The first is the usual one.
    pub(crate) cases: Vec<Case<()>>,
    completed: Vec<&'static str>,
    aborted: Vec<&'static str>,
    repeated: Vec<&'static str>,
    pub(crate) tried: Box<dyn ErasedTrial>,
}

impl Subject {
    pub(crate) fn new<T: Trial>(trial: T) -> Arc<Self> {
        let parts: Vec<_> = trial.services().into_iter().map(|service| service.part).collect();
        let cases = trial.cases();
        let names = |events: &[EventType]| events.iter().map(EventType::name).collect::<Vec<_>>();
        let sagas = parts.iter().flat_map(|part| &part.sagas);
        let aborted: Vec<EventType> = sagas.filter_map(|saga| saga.abort).collect();
        Arc::new(Self {
            system: System { name: T::NAME, parts },
            sagas: T::SAGAS,
            cases: cases.iter().map(|case| Case::new(case.name, case.share, ())).collect(),
            completed: names(T::COMPLETED),
            aborted: names(&aborted),
            repeated: names(T::REPEATED),
            tried: Box::new(TrialWithCases { trial, cases }),
        })
    }

    pub(crate) fn services(&self) -> Vec<&'static str> {
        self.system.parts.iter().map(|part| part.service).collect()
    }

    /// `None` for an unknown name.
    pub(crate) fn serve(&self, service: &str, clock: Clock) -> Option<ExitCode> {
        let programs = self.tried.services();
        let program = programs.iter().find(|program| program.part.service == service)?;
        Some(program.run(clock))
    }

    pub(crate) fn types_from_outside(&self) -> Vec<&'static str> {
        let producers = self.system.foreign_producers();
        producers.iter().flat_map(|(_, types)| types.iter().map(EventType::name)).collect()
    }

    pub(crate) fn beginnings(&self) -> Vec<&'static str> {
        let types = self.system.known_types();
        let begins = types.iter().filter(|event| event.role() == Role::StartsSaga);
        begins.map(EventType::name).collect()
    }

    pub(crate) fn may_repeat(&self, event_type: &str) -> bool {
        self.repeated.contains(&event_type)
    }

    /// Three hundred numbers of cases, shuffled.
    pub(crate) fn mix(&self) -> Vec<usize> {
        let shares: Vec<u32> = self.cases.iter().map(|case| case.share).collect();
        mix(&shares, 300)
    }

    /// Whether every saga needs this service: one of its steps comes before the good end, over any number of events.
    pub(crate) fn completes_by(&self, service: &str) -> bool {
        let parts = || self.system.parts.iter();
        let steps = parts().flat_map(|part| part.sagas.iter().map(move |saga| (part, &saga.steps)));
        let steps: Vec<_> =
            steps.flat_map(|(part, steps)| steps.iter().map(move |s| (part.service, s))).collect();
        let (mut before, mut open) = (HashSet::new(), self.completed.clone());
        while let Some(event) = open.pop() {
            for (service, step) in steps.iter().filter(|(_, step)| step.done.name() == event) {
                if before.insert((*service, step.name)) {
                    open.extend(step.on.iter().map(EventType::name));
                }
            }
        }
        before.iter().any(|(other, _)| *other == service)
    }

    /// Sagas without a change for `quiescent_after` are quiescent.
    pub(crate) async fn audit(
        &self,
        at: &Endpoints,
        broker: &BrokerSnapshot,
        quiescent_after: SignedDuration,
    ) -> Report {
        // The framework first: a saga that is over by then is over in the services' rows.
        let framework = self.framework(at, broker, quiescent_after).await;
        self.business(at, framework, quiescent_after).await
    }

    /// Audits the framework's tables, by the databases' clock.
    pub(crate) async fn framework(
        &self,
        at: &Endpoints,
        broker: &BrokerSnapshot,
        quiescent_after: SignedDuration,
    ) -> Report {
        let databases: Vec<_> = at.databases.clone().into_iter().collect();
        ballet_ops::audit::audit(&self.system, &databases, broker, quiescent_after).await
    }

    /// Audits also the business rows, by this machine's clock.
    pub(crate) async fn business(
        &self,
        at: &Endpoints,
        framework: Report,
        quiescent_after: SignedDuration,
    ) -> Report {
        let own = self.tried.audit(Audit { at, framework: &framework, quiescent_after }).await;
        let own = own.unwrap_or_else(|error| Report {
            away: vec![format!("{error:#}")],
            ..Report::default()
        });
        own.and(framework)
    }

    /// `None` if the event ends no saga.
    pub(crate) fn end(&self, event_type: &str, body: &Value) -> Option<End> {
        if self.completed.contains(&event_type) {
            return Some(End::Completed);
        }
        let aborted = self.aborted.contains(&event_type);
        aborted.then(|| End::aborted(body["reason"].as_str().unwrap_or_default()))
    }
}

/// A [`Trial`] without its types.
pub(crate) trait ErasedTrial: Debug + Send + Sync {
    fn services(&self) -> Vec<ServiceProgram>;
    fn play<'a>(
        &'a self,
        case: usize,
        number: usize,
        site: &'a Site,
    ) -> LocalBoxFuture<'a, Result<BegunSaga>>;
    fn prepare<'a>(&'a self, site: &'a Site) -> LocalBoxFuture<'a, Result<()>>;
    fn meanwhile<'a>(&'a self, site: &'a Site, until: Instant) -> LocalBoxFuture<'a, Result<()>>;
    fn show<'a>(
        &'a self,
        site: &'a Arc<Site>,
        calm: watch::Receiver<bool>,
    ) -> LocalBoxFuture<'a, Result<()>>;
    fn audit<'a>(&'a self, audit: Audit<'a>) -> LocalBoxFuture<'a, Result<Report>>;
    fn env(&self) -> Vec<(&'static str, String)>;
    fn sandboxes(&self) -> &'static [Sandbox];
    fn front(&self) -> Option<GatewaySetup>;
    fn operations<'a>(&'a self, site: &'a Arc<Site>) -> LocalBoxFuture<'a, Result<Vec<Operation>>>;
    fn moves<'a>(
        &'a self,
        number: usize,
        site: &'a Site,
    ) -> LocalBoxFuture<'a, Result<Vec<Move<'a>>>>;
    fn overdue(&self) -> Option<OverdueDeadline>;
    fn unreachable(&self, service: &str, point: &str) -> Option<&'static str>;
}

#[derive(Debug)]
struct TrialWithCases<T: Trial> {
    trial: T,
    cases: Vec<Case<T::Case>>,
}

impl<T: Trial> ErasedTrial for TrialWithCases<T> {
    fn services(&self) -> Vec<ServiceProgram> {
        self.trial.services()
    }

    fn play<'a>(
        &'a self,
        case: usize,
        number: usize,
        site: &'a Site,
    ) -> LocalBoxFuture<'a, Result<BegunSaga>> {
        Box::pin(self.trial.play(&self.cases[case].what, number, site))
    }

    fn prepare<'a>(&'a self, site: &'a Site) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(self.trial.prepare(site))
    }

    fn meanwhile<'a>(&'a self, site: &'a Site, until: Instant) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(self.trial.meanwhile(site, until))
    }

    fn show<'a>(
        &'a self,
        site: &'a Arc<Site>,
        calm: watch::Receiver<bool>,
    ) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(self.trial.show(site, calm))
    }

    fn audit<'a>(&'a self, audit: Audit<'a>) -> LocalBoxFuture<'a, Result<Report>> {
        Box::pin(self.trial.audit(audit))
    }

    fn env(&self) -> Vec<(&'static str, String)> {
        self.trial.env()
    }

    fn sandboxes(&self) -> &'static [Sandbox] {
        self.trial.sandboxes()
    }

    fn front(&self) -> Option<GatewaySetup> {
        self.trial.front()
    }

    fn operations<'a>(&'a self, site: &'a Arc<Site>) -> LocalBoxFuture<'a, Result<Vec<Operation>>> {
        Box::pin(self.trial.operations(site))
    }

    fn moves<'a>(
        &'a self,
        number: usize,
        site: &'a Site,
    ) -> LocalBoxFuture<'a, Result<Vec<Move<'a>>>> {
        Box::pin(self.trial.moves(number, site))
    }

    fn overdue(&self) -> Option<OverdueDeadline> {
        self.trial.overdue()
    }

    fn unreachable(&self, service: &str, point: &str) -> Option<&'static str> {
        self.trial.unreachable(service, point)
    }
}
