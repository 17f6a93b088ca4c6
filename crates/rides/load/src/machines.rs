//! Drivers that are machines: they answer at once, so that as many offers are made as the services can make. Several
//! riders want the same ones at the same time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ballet::Event;
use ballet_trials::{Begun, End, Site};
use futures_util::{StreamExt, stream};
use reqwest::Method;
use rides_events::dispatch::RideCancelled;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::client::Client;
use crate::doors::Live;

/// Places where machines stand, and how many at each.
const STANDS: usize = 8;
const MACHINES: usize = 60;
/// The places of customers have lower numbers.
const FIRST: usize = 118_000;
const SIDE_BY_SIDE: usize = 32;
/// One machine in so many drives.
const DRIVES: u128 = 40;
/// A driver who is not seen for two minutes is not found.
const SEEN: Duration = Duration::from_secs(40);

/// All machines of a trial. There are none until somebody wants one.
#[derive(Debug, Default)]
pub(crate) struct Machines {
    stands: [OnceCell<Uuid>; STANDS],
    /// When each said where it is.
    seen: Mutex<HashMap<Uuid, (usize, Instant)>>,
    answered: AtomicU32,
    /// The rides that wait for one.
    waiting: AtomicU32,
}

impl Machines {
    /// A rider who wants a machine, and waits for what becomes of it.
    pub(crate) async fn play(&self, site: &Site, number: usize) -> Result<Begun> {
        let stand = number % STANDS;
        let rider = self.stands[stand].get_or_try_init(|| self.begin(site, stand)).await?;
        let client = Client::new(site, FIRST + stand);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let begun = wait(client, *rider).await;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        begun
    }

    /// Whether a ride waits for one.
    pub(crate) fn are_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Brings the machines of a stand there. Returns the rider who wants them.
    async fn begin(&self, site: &Site, stand: usize) -> Result<Uuid> {
        let client = Client::new(site, FIRST + stand);
        let mut first = None;
        for _ in 0..MACHINES {
            let machine = client.driver(1).await?;
            self.seen().insert(machine, (stand, Instant::now()));
            first = first.or(Some(machine));
        }
        client.near(&[first.context("there are machines")?]).await?;
        client.rider().await
    }

    /// The offers that were answered.
    pub(crate) fn answered(&self) -> u32 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Answers what is offered to machines, drives what one has accepted, and says where some of them are.
    pub(crate) async fn answer(&self, site: &Site, live: &[Live]) -> Result<()> {
        let own: Vec<(usize, &Live)> = {
            let seen = self.seen();
            live.iter().filter_map(|live| Some((seen.get(&live.driver_id)?.0, live))).collect()
        };
        let answers = stream::iter(own).map(|(stand, live)| self.answer_one(site, stand, live));
        let answers: Vec<Result<()>> = answers.buffer_unordered(SIDE_BY_SIDE).collect().await;
        answers.into_iter().collect::<Result<()>>()?;
        let silent = {
            let mut seen = self.seen();
            let silent = seen.iter_mut().filter(|(_, (_, at))| at.elapsed() > SEEN);
            let silent = silent.take(SIDE_BY_SIDE).map(|(machine, (stand, at))| {
                *at = Instant::now();
                (*machine, *stand)
            });
            silent.collect::<Vec<_>>()
        };
        for (machine, stand) in silent {
            let client = Client::new(site, FIRST + stand);
            let (path, at) = (format!("/drivers/{machine}/position"), client.place(1));
            client.http.ask(Method::PUT, "location", &path, &at).await?;
        }
        Ok(())
    }

    async fn answer_one(&self, site: &Site, stand: usize, live: &Live) -> Result<()> {
        let Live { ride_id, driver_id, state } = live;
        let client = Client::new(site, FIRST + stand);
        if state == "accepted" {
            // Refused until the ride has its driver.
            client.says(*ride_id, *driver_id, "start").await?;
            client.says(*ride_id, *driver_id, "complete").await?;
            return Ok(());
        }
        let drives = (ride_id.as_u128() ^ driver_id.as_u128()) % DRIVES == 0;
        let what = if drives { "accept" } else { "decline" };
        let (status, _) = client.says(*ride_id, *driver_id, what).await?;
        // One that was over meanwhile has expired.
        self.answered.fetch_add(u32::from(status.is_success()), Ordering::Relaxed);
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<Uuid, (usize, Instant)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn wait(client: Client<'_>, rider: Uuid) -> Result<Begun> {
    let ride = client.request(rider).await?;
    loop {
        client.http.site.wait_for(ride, RideCancelled::TYPE).await;
        let read = client.read(ride).await?;
        let end = match (read["status"].as_str(), read["reason"].as_str()) {
            (Some("completed"), _) => End::Completed,
            (_, Some(reason)) => End::aborted(reason),
            _ => continue,
        };
        return Ok(Begun { saga: ride, end });
    }
}
