//! One service's processes, for runs that kill and start them.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Instant;

use anyhow::Result;
use reqwest::Client;
use rustix::process::Signal;

use super::{Fleet, LOOK, POINTS, Replica};

#[derive(Debug, Clone, Copy)]
pub(crate) struct ServiceFleet<'a> {
    pub(crate) fleet: &'a Fleet,
    pub(crate) name: &'a str,
}

impl ServiceFleet<'_> {
    /// They stay dead until [`ServiceFleet::start`].
    pub(crate) async fn kill(self) {
        self.hold().await;
        self.signal(Signal::KILL).await;
        while self.dead().await.is_none() {
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(crate) async fn points(self) -> Option<PathBuf> {
        let points = |one: &mut Replica| one.service.launch.log.with_extension(POINTS);
        self.each::<_, Vec<_>>(points).await.into_iter().next()
    }

    pub(crate) async fn signal(self, signal: Signal) {
        self.each::<(), ()>(|one| one.service.signal(signal)).await;
    }

    pub(crate) async fn tail(self) -> String {
        self.each(|one| one.service.tail()).await
    }

    pub(crate) async fn is_ready(self, http: &Client) -> bool {
        let url = |one: &mut Replica| one.service.find_address().then(|| one.service.url.clone());
        let urls: Option<Vec<String>> = self.each(url).await;
        for url in urls.iter().flatten() {
            let answer = http.get(format!("{url}/readyz")).send().await;
            if !answer.is_ok_and(|answer| answer.status().is_success()) {
                return false;
            }
        }
        urls.is_some()
    }

    /// The fleet does not restart the processes until [`ServiceFleet::release`].
    pub(crate) async fn hold(self) {
        self.each::<(), ()>(|one| one.stopping = true).await;
    }

    pub(crate) async fn release(self) {
        self.each::<(), ()>(|one| one.stopping = false).await;
    }

    /// `None` while a process lives.
    pub(crate) async fn dead(self) -> Option<Vec<ExitStatus>> {
        self.each(|one| one.service.ended()).await
    }

    /// Starts the ended processes again.
    pub(crate) async fn start(self) -> Result<()> {
        for replica in
            self.fleet.replicas.lock().await.iter_mut().filter(|one| one.is_of(self.name))
        {
            replica.service.start_again(&self.fleet.children).await?;
            (replica.killed, replica.down) = (false, false);
            replica.since = Instant::now();
        }
        Ok(())
    }

    async fn each<T, All: FromIterator<T>>(self, with: impl FnMut(&mut Replica) -> T) -> All {
        let mut replicas = self.fleet.replicas.lock().await;
        replicas.iter_mut().filter(|one| one.is_of(self.name)).map(with).collect()
    }
}
