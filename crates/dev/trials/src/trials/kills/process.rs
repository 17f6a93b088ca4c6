//! One service's process, and the directory with the points that it reached.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ballet_stage::wait_until;
use reqwest::Client;
use rustix::process::Signal;

use crate::running::fleet::service_fleet::ServiceFleet;
use crate::running::long_run::LongRun;

const LOOK: Duration = Duration::from_millis(20);
/// The limit for what a process does at its start.
const AT_ITS_START: Duration = Duration::from_secs(300);
/// Another process may have taken the port.
const STARTS: usize = 10;

pub(crate) struct TargetProcess<'a> {
    pub(crate) service: &'static str,
    all: ServiceFleet<'a>,
    http: &'a Client,
    points: PathBuf,
}

impl<'a> TargetProcess<'a> {
    pub(crate) async fn of(run: &'a LongRun, service: &'static str) -> Result<Self> {
        let all = run.of(service);
        let points = all.points().await.context("a process")?;
        all.hold().await;
        Ok(Self { service, all, http: &run.http, points })
    }

    pub(crate) fn aim(&self, at: &str) -> Result<()> {
        let (new, aim) = (self.points.join("aim.new"), self.points.join("aim"));
        let written = fs::write(&new, at).and_then(|()| fs::rename(new, &aim));
        written.with_context(|| format!("cannot write {}", aim.display()))
    }

    /// SIGKILL must be the cause.
    pub(crate) async fn wait_for_death(&self) -> Result<()> {
        if self.ended().await == Some(Signal::KILL.as_raw()) {
            return Ok(());
        }
        bail!("{} ended by itself:\n{}", self.service, self.all.tail().await)
    }

    /// Waits for its death at this point.
    pub(crate) async fn dies_at_its_start(&self, at: &str) -> Result<()> {
        self.aim(at)?;
        for _ in 0..STARTS {
            self.all.start().await?;
            let ended = tokio::time::timeout(AT_ITS_START, self.ended()).await;
            let ended = ended.with_context(|| format!("{} lives after {at}", self.service))?;
            if ended == Some(Signal::KILL.as_raw()) {
                return Ok(());
            }
        }
        self.wait_for_death().await
    }

    /// Waits until it is ready.
    pub(crate) async fn start(&self) -> Result<()> {
        self.all.start().await?;
        let what = format!("{} to be ready", self.service);
        let ready = wait_until(&what, AT_ITS_START, || async {
            if self.all.dead().await.is_some() {
                let tail = self.all.tail().await;
                self.all.start().await?;
                bail!("it ended:\n{tail}");
            }
            Ok(self.all.is_ready(self.http).await.then_some(()))
        });
        Ok(ready.await?)
    }

    async fn ended(&self) -> Option<i32> {
        loop {
            if let Some(ends) = self.all.dead().await {
                return ends.first().and_then(ExitStatusExt::signal);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
