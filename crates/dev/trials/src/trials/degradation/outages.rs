//! A run's outages: each service of the system is killed in turn.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Result, ensure};
use ballet_ops::terminal::ui;
use ballet_stage::wait_until;

use crate::customers::operation::{ClientAnswer, Operation};
use crate::load::load::CustomerMix;
use crate::processes::gateway::GATEWAY;
use crate::running::long_run::LongRun;
use crate::system::subject::Subject;
use crate::trials::oracle;
use crate::trials::scene::{PATIENCE, Scene};

pub(crate) struct Outages<'a> {
    pub(crate) scene: Scene<'a>,
    pub(crate) operations: Vec<Operation>,
}

impl<'a> Outages<'a> {
    /// Waits until everything is ready for clients.
    pub(crate) async fn set_up(subject: &'a Arc<Subject>, run: &'a LongRun) -> Result<Self> {
        run.ready().await?;
        let gateway = run.open(subject.tried.front()).await?;
        let mix = CustomerMix { gateway, ..CustomerMix::of(subject) };
        let scene = Scene::set_up(subject, run, mix).await?;
        scene.recorder.record().begin();
        subject.tried.prepare(&scene.load.site).await?;
        let operations = subject.tried.operations(&scene.load.site).await?;
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
        Ok(Self { scene, operations })
    }

    pub(crate) async fn kill(&self, name: &str) {
        match &self.scene.load.site.gateway {
            Some(gateway) if name == GATEWAY => gateway.kill().await,
            Some(_) | None => self.scene.run.of(name).kill().await,
        }
    }

    /// Starts a service again at the same address, and waits until it is ready.
    pub(crate) async fn start(&self, name: &str) -> Result<()> {
        let run = self.scene.run;
        match &self.scene.load.site.gateway {
            Some(gateway) if name == GATEWAY => {
                gateway.revive(&run.stage.children).await?;
                gateway.ready(&run.http).await
            }
            Some(_) | None => {
                run.of(name).start().await?;
                run.of(name).release().await;
                run.ready().await
            }
        }
    }

    /// The answer that a client has to see from an operation while this service is stopped.
    pub(crate) fn expected(&self, operation: &Operation, stopped: &str) -> ClientAnswer {
        operation.expected(stopped, self.scene.load.site.gateway.is_some())
    }

    /// Returns the last answer. The gateway's connections to a dead service have to break first, and for a restarted
    /// one its circuit breaker has to close.
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

    /// Waits for quiescence. Then nothing may be wrong, and clients must know all sagas.
    pub(crate) async fn check_everything(&self) -> Result<()> {
        oracle::ensure_all_holds(&self.scene).await?;
        let Scene { subject, recorder, load, .. } = &self.scene;
        let clients: HashSet<_> = load.sagas.all().into_keys().collect();
        let given_up = load.site.given_up.load(Ordering::Relaxed);
        let others = recorder.record().ended_besides(&clients);
        ensure!(
            others.len() <= given_up,
            "clients were told of {} {}, and {given_up} requests were given up, but there are others: {others:?}",
            clients.len(),
            subject.sagas
        );
        Ok(())
    }
}
