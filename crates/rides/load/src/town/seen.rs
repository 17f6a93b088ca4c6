//! Snapshots of the town, read from the services' public lists again and again. They are drawn as the map, and tell
//! riders and drivers what others did.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use ballet_trials::Site;
use rides_events::{Money, Point};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

use crate::doors::{Doors, Live};
use crate::town::plan::{HEIGHT, Place, WIDTH};

const PAUSE: Duration = Duration::from_millis(500);
/// The last outcomes that are shown.
const OUTCOMES: usize = 12;
/// The number of the newest rides that are read. All rides under way are among them.
const RIDES: u16 = 200;

/// A ride, as dispatch lists it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Ride {
    pub(crate) ride_id: Uuid,
    pub(crate) status: String,
    pub(crate) pickup: Point,
    pub(crate) destination: Point,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    price: Money,
    #[serde(default)]
    fee: Option<Money>,
}

impl Ride {
    pub(crate) fn is_over(&self) -> bool {
        matches!(&*self.status, "completed" | "cancelled")
    }
}

/// A driver with the last position that location has.
#[derive(Debug, Deserialize)]
struct Near {
    driver_id: Uuid,
    at: Point,
}

/// The town at one moment.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    pub(crate) rides: HashMap<Uuid, Ride>,
    /// The live offers by driver.
    pub(crate) offers: HashMap<Uuid, Live>,
    pub(crate) shown: Shown,
}

/// The contents of the map.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Shown {
    drivers: Vec<ShownDriver>,
    rides: Vec<ShownRide>,
    /// The counts of ended rides since the demo began.
    pub(crate) ended: Ended,
    /// The last outcomes, the newest first.
    last: VecDeque<Outcome>,
}

#[derive(Debug, Clone, Serialize)]
struct ShownDriver {
    id: Uuid,
    at: Place,
    /// The car's direction in radians clockwise from east, once it has moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    turn: Option<f64>,
    does: &'static str,
}

#[derive(Debug, Clone, Serialize)]
struct ShownRide {
    id: Uuid,
    status: String,
    from: Place,
    to: Place,
    /// The driver who is asked, is on the way, or drives.
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<Uuid>,
}

#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct Ended {
    pub(crate) completed: u32,
    cancelled: u32,
    unfulfilled: u32,
}

#[derive(Debug, Clone, Serialize)]
struct Outcome {
    id: Uuid,
    how: String,
    from: Place,
    to: Place,
    #[serde(skip_serializing_if = "Option::is_none")]
    paid: Option<Money>,
}

/// Takes snapshots until this future is dropped. A failed one is skipped, because a service may be down.
pub(crate) async fn look(site: &Site, seen: &watch::Sender<Arc<Seen>>) -> Result<()> {
    let doors = Doors::of(site).await?;
    let mut over = HashSet::new();
    loop {
        if let Ok((near, offers, rides)) = read(&doors).await {
            let mut shown = seen.borrow().shown.clone();
            shown.count(&rides, &mut over);
            shown.draw(near, &offers, &rides);
            let offers = offers.into_iter().map(|offer| (offer.driver_id, offer)).collect();
            let rides = rides.into_iter().map(|ride| (ride.ride_id, ride)).collect();
            seen.send_replace(Arc::new(Seen { rides, offers, shown }));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn read(doors: &Doors<'_>) -> Result<(Vec<Near>, Vec<Live>, Vec<Ride>)> {
    let middle = Place { x: WIDTH / 2.0, y: HEIGHT / 2.0 }.on_earth().context("a town")?;
    let near = format!("/near?lat={}&lon={}&limit=1000", middle.lat(), middle.lon());
    let rides = format!("/rides?limit={RIDES}");
    let near = doors.list("location", &near).await?;
    // The offers first: a ride's status is not older than its offer.
    let offers = doors.live().await?;
    let rides = doors.list::<Ride>("dispatch", &rides).await?;
    let in_town = |ride: &Ride| Place::in_town(ride.pickup).is_some();
    Ok((near, offers, rides.into_iter().filter(in_town).collect()))
}

impl Shown {
    /// Counts the rides that have ended since the snapshot before.
    fn count(&mut self, rides: &[Ride], over: &mut HashSet<Uuid>) {
        for ride in rides.iter().rev().filter(|ride| ride.is_over()) {
            let (Some(from), Some(to)) =
                (Place::in_town(ride.pickup), Place::in_town(ride.destination))
            else {
                continue;
            };
            if !over.insert(ride.ride_id) {
                continue;
            }
            let (how, paid) = match ride.reason.as_deref() {
                None => {
                    self.ended.completed += 1;
                    ("completed", Some(ride.price))
                }
                Some(reason) if reason.contains("rider") => {
                    self.ended.cancelled += 1;
                    (reason, ride.fee)
                }
                Some(reason) => {
                    self.ended.unfulfilled += 1;
                    (reason, ride.fee)
                }
            };
            self.last.push_front(Outcome { id: ride.ride_id, how: how.to_owned(), from, to, paid });
        }
        self.last.truncate(OUTCOMES);
    }

    /// Replaces the drivers and rides on the map.
    fn draw(&mut self, near: Vec<Near>, offers: &[Live], rides: &[Ride]) {
        let asked: HashMap<Uuid, Uuid> =
            offers.iter().map(|offer| (offer.ride_id, offer.driver_id)).collect();
        let does = rides.iter().filter_map(|ride| {
            let does = match &*ride.status {
                "offered" => "asked",
                "accepted" | "assigned" => "coming",
                "picked_up" | "riding" => "riding",
                _ => return None,
            };
            Some((*asked.get(&ride.ride_id)?, does))
        });
        let does: HashMap<Uuid, &'static str> = does.collect();
        let before: HashMap<Uuid, ShownDriver> =
            self.drivers.drain(..).map(|driver| (driver.id, driver)).collect();
        self.drivers = near
            .into_iter()
            .filter_map(|Near { driver_id: id, at }| {
                let does = does.get(&id).copied().unwrap_or("free");
                let at = Place::in_town(at)?;
                let before = before.get(&id);
                let turn = match before.filter(|before| before.at.to(at) > 1.0) {
                    Some(before) => Some((at.y - before.at.y).atan2(at.x - before.at.x)),
                    None => before.and_then(|before| before.turn),
                };
                Some(ShownDriver { id, at, turn, does })
            })
            .collect();
        self.rides = rides
            .iter()
            .filter(|ride| !ride.is_over())
            .filter_map(|Ride { ride_id, status, pickup, destination, .. }| {
                Some(ShownRide {
                    id: *ride_id,
                    status: status.clone(),
                    from: Place::in_town(*pickup)?,
                    to: Place::in_town(*destination)?,
                    driver: asked.get(ride_id).copied(),
                })
            })
            .collect();
    }
}
