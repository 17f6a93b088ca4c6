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

use crate::public_lists::{LiveOffer, PublicLists};
use crate::town::plan::{HEIGHT, MapPoint, WIDTH};

const PAUSE: Duration = Duration::from_millis(500);
/// The last outcomes that are shown.
const OUTCOMES: usize = 12;
/// The number of rides that are read, the newest ones. All rides under way are among them.
const RIDES: u16 = 200;

/// A ride, as dispatch lists it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ListedRide {
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

impl ListedRide {
    pub(crate) fn is_over(&self) -> bool {
        matches!(&*self.status, "completed" | "cancelled")
    }
}

/// A driver with the last position that location has.
#[derive(Debug, Deserialize)]
struct DriverPlace {
    driver_id: Uuid,
    at: Point,
}

/// The town at one moment.
#[derive(Debug, Default, Clone)]
pub(crate) struct TownSnapshot {
    pub(crate) rides: HashMap<Uuid, ListedRide>,
    /// The live offers by driver.
    pub(crate) offers: HashMap<Uuid, LiveOffer>,
    pub(crate) shown: MapState,
}

/// The contents of the map.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct MapState {
    drivers: Vec<MapDriver>,
    rides: Vec<MapRide>,
    /// The counts of ended rides since the demo began.
    pub(crate) ended: EndedRideCounts,
    /// The last outcomes, the newest first.
    last: VecDeque<RideOutcome>,
}

#[derive(Debug, Clone, Serialize)]
struct MapDriver {
    id: Uuid,
    at: MapPoint,
    /// The car's direction in radians clockwise from east, once it has moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    turn: Option<f64>,
    does: &'static str,
}

#[derive(Debug, Clone, Serialize)]
struct MapRide {
    id: Uuid,
    status: String,
    from: MapPoint,
    to: MapPoint,
    /// The driver who is asked, is on the way, or drives.
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<Uuid>,
}

#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct EndedRideCounts {
    pub(crate) completed: u32,
    cancelled: u32,
    unfulfilled: u32,
}

#[derive(Debug, Clone, Serialize)]
struct RideOutcome {
    id: Uuid,
    how: String,
    from: MapPoint,
    to: MapPoint,
    #[serde(skip_serializing_if = "Option::is_none")]
    paid: Option<Money>,
}

/// Takes snapshots until this future is dropped. A failed one is skipped, because a service may be down.
pub(crate) async fn look(site: &Site, seen: &watch::Sender<Arc<TownSnapshot>>) -> Result<()> {
    let lists = PublicLists::of(site).await?;
    let mut over = HashSet::new();
    loop {
        if let Ok((near, offers, rides)) = read(&lists).await {
            let mut shown = seen.borrow().shown.clone();
            shown.count(&rides, &mut over);
            shown.draw(near, &offers, &rides);
            let offers = offers.into_iter().map(|offer| (offer.driver_id, offer)).collect();
            let rides = rides.into_iter().map(|ride| (ride.ride_id, ride)).collect();
            seen.send_replace(Arc::new(TownSnapshot { rides, offers, shown }));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn read(
    lists: &PublicLists<'_>,
) -> Result<(Vec<DriverPlace>, Vec<LiveOffer>, Vec<ListedRide>)> {
    let middle = MapPoint { x: WIDTH / 2.0, y: HEIGHT / 2.0 }.on_earth().context("a town")?;
    let near = format!("/near?lat={}&lon={}&limit=1000", middle.lat(), middle.lon());
    let rides = format!("/rides?limit={RIDES}");
    let near = lists.list("location", &near).await?;
    // The offers first: a ride's status is not older than its offer.
    let offers = lists.live().await?;
    let rides = lists.list::<ListedRide>("dispatch", &rides).await?;
    let in_town = |ride: &ListedRide| MapPoint::in_town(ride.pickup).is_some();
    Ok((near, offers, rides.into_iter().filter(in_town).collect()))
}

impl MapState {
    /// Counts the rides that have ended since the snapshot before.
    fn count(&mut self, rides: &[ListedRide], over: &mut HashSet<Uuid>) {
        for ride in rides.iter().rev().filter(|ride| ride.is_over()) {
            let (Some(from), Some(to)) =
                (MapPoint::in_town(ride.pickup), MapPoint::in_town(ride.destination))
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
            self.last.push_front(RideOutcome {
                id: ride.ride_id,
                how: how.to_owned(),
                from,
                to,
                paid,
            });
        }
        self.last.truncate(OUTCOMES);
    }

    /// Replaces the drivers and rides on the map.
    fn draw(&mut self, near: Vec<DriverPlace>, offers: &[LiveOffer], rides: &[ListedRide]) {
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
        let before: HashMap<Uuid, MapDriver> =
            self.drivers.drain(..).map(|driver| (driver.id, driver)).collect();
        self.drivers = near
            .into_iter()
            .filter_map(|DriverPlace { driver_id: id, at }| {
                let does = does.get(&id).copied().unwrap_or("free");
                let at = MapPoint::in_town(at)?;
                let before = before.get(&id);
                let turn = match before.filter(|before| before.at.to(at) > 1.0) {
                    Some(before) => Some((at.y - before.at.y).atan2(at.x - before.at.x)),
                    None => before.and_then(|before| before.turn),
                };
                Some(MapDriver { id, at, turn, does })
            })
            .collect();
        self.rides = rides
            .iter()
            .filter(|ride| !ride.is_over())
            .filter_map(|ListedRide { ride_id, status, pickup, destination, .. }| {
                Some(MapRide {
                    id: *ride_id,
                    status: status.clone(),
                    from: MapPoint::in_town(*pickup)?,
                    to: MapPoint::in_town(*destination)?,
                    driver: asked.get(ride_id).copied(),
                })
            })
            .collect();
    }
}
