//! The system of a degradation run, with its clients.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use ballet::Clock;
use ballet_stage::wait_until;
use ballet_terminal::ui;

use crate::customers::operation::{ClientAnswer, Operation};
use crate::load::load::{CustomerMix, Load};
use crate::oracle::{self, KnownFacts, OracleVerdict};
use crate::processes::gateway::GATEWAY;
use crate::running::long_run::LongRun;
use crate::scene::record::Recorder;
use crate::system::subject::Subject;

/// The limit for anything that hangs. No result depends on speed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) struct DegradationScene<'a> {
    pub(crate) subject: &'a Arc<Subject>,
    pub(crate) run: &'a LongRun,
    pub(crate) recorder: Recorder,
    pub(crate) load: Load,
    pub(crate) operations: Vec<Operation>,
}

impl<'a> DegradationScene<'a> {
    /// Waits until everything is ready for clients.
    pub(crate) async fn set_up(subject: &'a Arc<Subject>, run: &'a LongRun) -> Result<Self> {
        run.ready().await?;
        let recorder = Recorder::start(run, subject.clone(), subject.types_from_outside()).await?;
        let gateway = match subject.tried.front() {
            Some(front) => Some(run.open(&front).await?),
            None => None,
        };
        let mix = CustomerMix { cases: subject.mix(), rate: 1, clock: Clock::system(), gateway };
        let load = Load::new(run, subject, &recorder, mix)?;
        recorder.record().begin();
        subject.tried.prepare(&load.site).await?;
        let operations = subject.tried.operations(&load.site).await?;
        let is_felt = |one: &Operation, service: &str| {
            one.uses(service) || (one.followed && subject.completes_by(service))
        };
        for service in run.services() {
            ensure!(
                operations.is_empty() || operations.iter().any(|one| is_felt(one, service)),
                "no operation needs {service}: add what a client does with it"
            );
        }
        ui::say(&format!("{} are ready", run.services().join(", ")));
        Ok(Self { subject, run, recorder, load, operations })
    }

    /// Kills a service, or the gateway.
    pub(crate) async fn kill(&self, name: &str) {
        match &self.load.site.gateway {
            Some(gateway) if name == GATEWAY => gateway.kill().await,
            Some(_) | None => self.run.of(name).kill().await,
        }
    }

    /// Starts a service again at the same address, with these variables from now on, and waits until it is ready.
    pub(crate) async fn start(&self, name: &str, env: &[(&str, String)]) -> Result<()> {
        let stage = &self.run.stage;
        match &self.load.site.gateway {
            Some(gateway) if name == GATEWAY => {
                gateway.revive(&stage.children).await?;
                gateway.ready(&stage.http).await
            }
            Some(_) | None => {
                self.run.of(name).start(env).await?;
                self.run.of(name).release().await;
                self.run.ready().await
            }
        }
    }

    /// The answer that a client has to see from an operation while this service is stopped.
    pub(crate) fn expected(&self, operation: &Operation, stopped: &str) -> ClientAnswer {
        operation.expected(stopped, self.load.site.gateway.is_some())
    }

    /// Tries an operation until the answer is as expected, and returns the last answer. The gateway's connections to a
    /// dead service have to break first; for one that is back, its circuit breaker has to close.
    pub(crate) async fn try_until_expected(
        &self,
        operation: &Operation,
        stopped: &str,
    ) -> Result<ClientAnswer> {
        let expected = self.expected(operation, stopped);
        let felt = wait_until("an outage that is felt", PATIENCE, || async {
            let seen = operation.attempt().await?.seen;
            let felt = seen == expected;
            if felt { Ok(Some(seen)) } else { Err(anyhow::anyhow!("{}: {seen:?}", operation.name)) }
        });
        Ok(felt.await?)
    }

    /// Waits until the system is quiescent. Nothing may be wrong then, and there may be no sagas that clients do not
    /// know.
    pub(crate) async fn check_everything(&self) -> Result<()> {
        let Self { subject, run, recorder, load, .. } = self;
        let known = KnownFacts::default();
        let verdict = oracle::check_when_quiescent(subject, run, load, recorder, &known).await?;
        if !verdict.holds() {
            let OracleVerdict { lost, doubled, broken, unfinished, .. } = verdict;
            let wrong = [lost, doubled, broken, unfinished].concat();
            bail!("{} does not catch up:\n{}", subject.system.name, wrong.join("\n"));
        }
        let clients: HashSet<_> = load.sagas.all().into_keys().collect();
        let given_up = load.site.given_up.load(Ordering::Relaxed);
        let others = recorder.record().journal.ended_besides(&clients);
        ensure!(
            others.len() <= given_up,
            "clients were told of {} {}, and {given_up} requests were given up, but there are others: {others:?}",
            clients.len(),
            subject.sagas
        );
        Ok(())
    }

    /// Waits for the end of a saga.
    pub(crate) async fn ends(&self, saga: uuid::Uuid) -> Result<crate::customers::begun_saga::End> {
        let ended = wait_until("the end of a saga", PATIENCE, || async {
            Ok::<_, String>(self.recorder.record().journal.ended(saga).cloned())
        });
        ended.await.with_context(|| format!("saga {saga} does not end"))
    }
}
