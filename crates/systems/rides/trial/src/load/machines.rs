//! Drivers that are machines: they answer at once, so that the services make offers as fast as they can. Several riders
//! want the same machines at the same time.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ballet::{Event, MessageId};
use ballet_trials::{BegunSaga, End, Site};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use reqwest::Method;
use rides_events::dispatch::{DriverAssigned, RideCancelled, RideOffered, RideStarted};
use serde::Deserialize;
use tokio::sync::{OnceCell, mpsc};
use uuid::Uuid;

use crate::load::client::RidesClient;

/// The number of places where machines stand, and of machines at each.
const STANDS: usize = 8;
const MACHINES: usize = 60;
/// The number of the first stand. The places of customers have lower numbers.
const FIRST: usize = 118_000;
/// The most requests of machines at a time.
const SIDE_BY_SIDE: usize = 32;
/// One machine in this many accepts an offer.
const DRIVES: u128 = 40;
/// The age at which a machine's position is sent again. Location drops a driver after two minutes of silence.
const SEEN: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(200);

/// A request that a machine has yet to send.
#[derive(Debug, Clone, Copy)]
struct PendingAnswer {
    stand: usize,
    ride: Uuid,
    driver: Uuid,
    what: &'static str,
}

/// The fields that all events for machines have.
#[derive(Debug, Deserialize)]
struct DriverEvent {
    ride_id: Uuid,
    driver_id: Uuid,
}

/// All machines of a trial. The first rider at a stand brings its machines online.
#[derive(Debug)]
pub(crate) struct Machines {
    stands: [OnceCell<Uuid>; STANDS],
    /// The stand of each machine, and when its position was last sent.
    seen: Mutex<HashMap<Uuid, (usize, Instant)>>,
    /// The ids of the offers that were made to machines.
    offers: Mutex<HashSet<MessageId>>,
    answers: mpsc::UnboundedSender<PendingAnswer>,
    pending: tokio::sync::Mutex<mpsc::UnboundedReceiver<PendingAnswer>>,
    /// The number of rides that wait for a machine.
    waiting: AtomicU32,
}

impl Default for Machines {
    fn default() -> Self {
        let (answers, pending) = mpsc::unbounded_channel();
        Self {
            stands: Default::default(),
            seen: Mutex::default(),
            offers: Mutex::default(),
            answers,
            pending: tokio::sync::Mutex::new(pending),
            waiting: AtomicU32::new(0),
        }
    }
}

impl Machines {
    /// Requests a ride with a machine, and waits for its end.
    pub(crate) async fn play(&self, site: &Site, number: usize) -> Result<BegunSaga> {
        let stand = number % STANDS;
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let begun = async {
            let rider = self.stands[stand].get_or_try_init(|| self.begin(site, stand)).await?;
            wait(RidesClient::new(site, FIRST + stand), *rider).await
        };
        let begun = begun.await;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        begun
    }

    /// Whether a ride waits for a machine.
    pub(crate) fn are_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Brings the machines of a stand online. Returns the rider who wants them.
    async fn begin(&self, site: &Site, stand: usize) -> Result<Uuid> {
        let client = RidesClient::new(site, FIRST + stand);
        let mut first = None;
        for _ in 0..MACHINES {
            let machine = client.driver(1).await?;
            lock(&self.seen).insert(machine, (stand, Instant::now()));
            first = first.or(Some(machine));
        }
        client.until_near(&[first.context("there are machines")?]).await?;
        client.rider().await
    }

    /// Returns the number of offers that were made to machines.
    pub(crate) fn offers(&self) -> usize {
        lock(&self.offers).len()
    }

    /// Handles an event, which may come again.
    pub(crate) fn handle(&self, event_type: &str, id: MessageId, body: &[u8]) {
        let is = |other: ballet::EventType| other.name() == event_type;
        let is_offer = is(RideOffered::TYPE);
        if !is_offer && !is(DriverAssigned::TYPE) && !is(RideStarted::TYPE) {
            return;
        }
        let Ok(DriverEvent { ride_id: ride, driver_id: driver }) = serde_json::from_slice(body)
        else {
            return;
        };
        let Some((stand, _)) = lock(&self.seen).get(&driver).copied() else { return };
        let what = if is_offer {
            lock(&self.offers).insert(id);
            let drives = (ride.as_u128() ^ driver.as_u128()).is_multiple_of(DRIVES);
            if drives { "accept" } else { "decline" }
        } else if is(DriverAssigned::TYPE) {
            "start"
        } else {
            "complete"
        };
        // Once the trial is over, the receiver is gone.
        self.answers.send(PendingAnswer { stand, ride, driver, what }).ok();
    }

    /// Sends the machines' answers and positions until the given time, and for as long as a ride waits.
    pub(crate) async fn answer(&self, site: &Site, until: Instant) -> Result<()> {
        let mut pending = self.pending.lock().await;
        let (mut sending, mut looks) = (FuturesUnordered::new(), tokio::time::interval(LOOK));
        while Instant::now() < until || self.are_wanted() {
            tokio::select! {
                Some(answer) = pending.recv(), if sending.len() < SIDE_BY_SIDE => {
                    sending.push(send(site, answer));
                }
                Some(()) = sending.next() => {}
                _ = looks.tick() => self.send_positions(site).await?,
            }
        }
        Ok(())
    }

    /// Sends the positions of machines that have been silent for long.
    async fn send_positions(&self, site: &Site) -> Result<()> {
        let silent = {
            let mut seen = lock(&self.seen);
            let silent = seen.iter_mut().filter(|(_, (_, at))| at.elapsed() > SEEN);
            let silent = silent.take(SIDE_BY_SIDE).map(|(machine, (stand, at))| {
                *at = Instant::now();
                (*machine, *stand)
            });
            silent.collect::<Vec<_>>()
        };
        for (machine, stand) in silent {
            let client = RidesClient::new(site, FIRST + stand);
            let (path, at) = (format!("/drivers/{machine}/position"), client.place(1));
            client.http.ask(Method::PUT, "location", &path, &at).await?;
        }
        Ok(())
    }
}

/// Sends a request until there is an answer, which is a refusal if the offer is over by then.
async fn send(site: &Site, answer: PendingAnswer) {
    let PendingAnswer { stand, ride, driver, what } = answer;
    while RidesClient::new(site, FIRST + stand).act(ride, driver, what).await.is_err() {}
}

async fn wait(client: RidesClient<'_>, rider: Uuid) -> Result<BegunSaga> {
    let ride = client.request(rider).await?;
    loop {
        client.http.site.wait_for(ride, RideCancelled::TYPE).await;
        let read = client.read(ride).await?;
        let end = match (read["status"].as_str(), read["reason"].as_str()) {
            (Some("completed"), _) => End::Completed,
            (_, Some(reason)) => End::aborted(reason),
            _ => continue,
        };
        return Ok(BegunSaga { saga: ride, end });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
