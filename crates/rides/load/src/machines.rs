//! Drivers that are machines: they answer at once, so that as many offers are made as the services can make. Several
//! riders want the same ones at the same time.

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

use crate::client::Client;

/// Places where machines stand, and how many at each.
const STANDS: usize = 8;
const MACHINES: usize = 60;
/// The places of customers have lower numbers.
const FIRST: usize = 118_000;
/// The most that machines say at a time.
const SIDE_BY_SIDE: usize = 32;
/// One machine in so many drives.
const DRIVES: u128 = 40;
/// A driver who is not seen for two minutes is not found.
const SEEN: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(200);

/// Somebody is to say something about a ride.
#[derive(Debug, Clone, Copy)]
struct Says {
    stand: usize,
    ride: Uuid,
    driver: Uuid,
    what: &'static str,
}

/// What all events that machines hear of have.
#[derive(Debug, Deserialize)]
struct OfDriver {
    ride_id: Uuid,
    driver_id: Uuid,
}

/// All machines of a trial. There are none until somebody wants one.
#[derive(Debug)]
pub(crate) struct Machines {
    stands: [OnceCell<Uuid>; STANDS],
    /// Where each stands, and when it said so.
    seen: Mutex<HashMap<Uuid, (usize, Instant)>>,
    /// The offers that were made to machines.
    offers: Mutex<HashSet<MessageId>>,
    heard: mpsc::UnboundedSender<Says>,
    to_say: tokio::sync::Mutex<mpsc::UnboundedReceiver<Says>>,
    /// The rides that wait for one.
    waiting: AtomicU32,
}

impl Default for Machines {
    fn default() -> Self {
        let (heard, to_say) = mpsc::unbounded_channel();
        Self {
            stands: Default::default(),
            seen: Mutex::default(),
            offers: Mutex::default(),
            heard,
            to_say: tokio::sync::Mutex::new(to_say),
            waiting: AtomicU32::new(0),
        }
    }
}

impl Machines {
    /// A rider who wants a machine, and waits for what becomes of it.
    pub(crate) async fn play(&self, site: &Site, number: usize) -> Result<BegunSaga> {
        let stand = number % STANDS;
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let begun = async {
            let rider = self.stands[stand].get_or_try_init(|| self.begin(site, stand)).await?;
            wait(Client::new(site, FIRST + stand), *rider).await
        };
        let begun = begun.await;
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
            lock(&self.seen).insert(machine, (stand, Instant::now()));
            first = first.or(Some(machine));
        }
        client.near(&[first.context("there are machines")?]).await?;
        client.rider().await
    }

    /// The offers that were made to machines.
    pub(crate) fn offers(&self) -> usize {
        lock(&self.offers).len()
    }

    /// Hears of an event, which may come again.
    pub(crate) fn hear(&self, event_type: &str, id: MessageId, body: &[u8]) {
        let is = |other: ballet::EventType| other.name() == event_type;
        let is_offer = is(RideOffered::TYPE);
        if !is_offer && !is(DriverAssigned::TYPE) && !is(RideStarted::TYPE) {
            return;
        }
        let Ok(OfDriver { ride_id: ride, driver_id: driver }) = serde_json::from_slice(body) else {
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
        // Nobody answers any more when the trial is over.
        self.heard.send(Says { stand, ride, driver, what }).ok();
    }

    /// Says what there is to be said, and where some of them are, until then and for as long as a ride waits.
    pub(crate) async fn answer(&self, site: &Site, until: Instant) -> Result<()> {
        let mut to_say = self.to_say.lock().await;
        let (mut saying, mut looks) = (FuturesUnordered::new(), tokio::time::interval(LOOK));
        while Instant::now() < until || self.are_wanted() {
            tokio::select! {
                Some(says) = to_say.recv(), if saying.len() < SIDE_BY_SIDE => {
                    saying.push(say(site, says));
                }
                Some(()) = saying.next() => {}
                _ = looks.tick() => self.say_where(site).await?,
            }
        }
        Ok(())
    }

    /// Says where those are who have not said so for long.
    async fn say_where(&self, site: &Site) -> Result<()> {
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
            let client = Client::new(site, FIRST + stand);
            let (path, at) = (format!("/drivers/{machine}/position"), client.place(1));
            client.http.ask(Method::PUT, "location", &path, &at).await?;
        }
        Ok(())
    }
}

/// Says something until it is heard. It is refused if the offer was over meanwhile.
async fn say(site: &Site, says: Says) {
    let Says { stand, ride, driver, what } = says;
    while Client::new(site, FIRST + stand).says(ride, driver, what).await.is_err() {}
}

async fn wait(client: Client<'_>, rider: Uuid) -> Result<BegunSaga> {
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
