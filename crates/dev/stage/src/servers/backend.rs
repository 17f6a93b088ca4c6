//! Kinds of servers: external ones, and our own, which can be killed, frozen and restarted.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::Mutex;

use crate::error::{Error, Result};
use crate::servers::docker::Containers;
use crate::servers::process::{ServerLaunch, ServerProcess, start_failed};
use crate::servers::server_set::ServerSet;
use crate::servers::version::ServerVersion;
use crate::wait::wait_until;

pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub(crate) struct Backend {
    /// In lower case it is the name in `compose.yaml`.
    pub(crate) server: &'static str,
    pub(crate) kind: BackendKind,
}

#[derive(Debug)]
pub(crate) enum BackendKind {
    External,
    Local(Box<LocalServer>),
    Containers(Containers),
}

impl Backend {
    pub(crate) fn local(&self) -> Option<&LocalServer> {
        match &self.kind {
            BackendKind::Local(server) => Some(server),
            BackendKind::External | BackendKind::Containers(_) => None,
        }
    }

    pub(crate) fn is_private(&self) -> bool {
        !matches!(self.kind, BackendKind::External)
    }

    pub(crate) fn log(&self) -> Option<&Path> {
        self.local().map(|server| server.launch.log.as_path())
    }

    pub(crate) async fn pid(&self) -> Option<i32> {
        Some(self.local()?.process.lock().await.id())
    }

    pub(crate) async fn is_running(&self) -> bool {
        match self.local() {
            Some(server) => server.process.lock().await.exited().is_none(),
            None => false,
        }
    }

    pub(crate) async fn kill(&self) -> Result<()> {
        match &self.kind {
            BackendKind::External => Err(self.refuses("kill")),
            BackendKind::Containers(containers) => containers.kill(&self.service()).await,
            BackendKind::Local(server) => server.process.lock().await.kill().await,
        }
    }

    /// Waits until `check` succeeds.
    pub(crate) async fn start<Probe>(&self, check: impl Fn() -> Probe) -> Result<()>
    where
        Probe: Future<Output = Result<ServerVersion>>,
    {
        match &self.kind {
            BackendKind::External => Err(self.refuses("start")),
            BackendKind::Containers(containers) => {
                containers.start(&self.service()).await?;
                ready(self.server, check).await.map(drop)
            }
            BackendKind::Local(server) => server.start_again(check).await,
        }
    }

    pub(crate) async fn signal(&self, action: &'static str, signal: Signal) -> Result<()> {
        let server = self.local().ok_or_else(|| self.refuses(action))?;
        server.process.lock().await.signal(signal);
        Ok(())
    }

    pub(crate) fn refuses(&self, action: &'static str) -> Error {
        Error::NotPrivate { server: self.server, action }
    }

    fn service(&self) -> String {
        self.server.to_lowercase()
    }
}

/// Waits until `check` succeeds, and returns the version.
pub(crate) async fn ready<Probe>(server: &str, check: impl Fn() -> Probe) -> Result<ServerVersion>
where
    Probe: Future<Output = Result<ServerVersion>>,
{
    let what = format!("{server} to be ready");
    wait_until(&what, PATIENCE, || async { check().await.map(Some) }).await
}

#[derive(Debug)]
pub(crate) struct LocalServer {
    server: &'static str,
    pub(crate) set: Arc<ServerSet>,
    pub(crate) launch: ServerLaunch,
    process: Mutex<ServerProcess>,
}

impl LocalServer {
    /// Waits until `check` succeeds.
    pub(crate) async fn start<Probe>(
        server: &'static str,
        set: &Arc<ServerSet>,
        launch: ServerLaunch,
        check: impl Fn() -> Probe,
    ) -> Result<(Self, ServerVersion)>
    where
        Probe: Future<Output = Result<ServerVersion>>,
    {
        let process = Mutex::new(ServerProcess::start(&launch)?);
        let started = Self { server, set: Arc::clone(set), launch, process };
        let version = started.wait(&*started.process.lock().await, check).await?;
        Ok((started, version))
    }

    async fn start_again<Probe>(&self, check: impl Fn() -> Probe) -> Result<()>
    where
        Probe: Future<Output = Result<ServerVersion>>,
    {
        let mut process = self.process.lock().await;
        if process.exited().is_none() {
            let (server, why) = (self.server, "it is running");
            return Err(Error::WrongState { server, action: "start", why });
        }
        *process = ServerProcess::start(&self.launch)?;
        self.wait(&process, check).await.map(drop)
    }

    /// Waits for the administrator's login or the process's end.
    async fn wait<Probe>(
        &self,
        process: &ServerProcess,
        check: impl Fn() -> Probe,
    ) -> Result<ServerVersion>
    where
        Probe: Future<Output = Result<ServerVersion>>,
    {
        let what = format!("{} to be ready", self.server);
        let outcome = wait_until(&what, PATIENCE, || async {
            if let Some(status) = process.exited() {
                return Ok(Some(Err(format!("it ended with {status}"))));
            }
            check().await.map(|version| Some(Ok(version)))
        });
        let outcome = outcome.await.unwrap_or_else(|expired| Err(expired.to_string()));
        outcome.map_err(|cause| {
            self.set.keep();
            start_failed(self.server, cause, &self.launch.log)
        })
    }
}
