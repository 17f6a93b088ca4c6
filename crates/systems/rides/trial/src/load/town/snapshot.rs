//! Snapshots of the town, read from the public lists. They are drawn as the map, and tell riders and drivers what
//! others did.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ballet_trials::{Site, SiteClient};
use reqwest::Method;
use rides_events::Point;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;
use uuid::Uuid;

use crate::load::client::BEHIND;
use crate::load::town::plan::{HEIGHT, MapPoint, WIDTH};

const PAUSE: Duration = Duration::from_millis(500);
const NEAR: usize = 1_000;

/// A ride, as dispatch lists it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ListedRide {
    pub(crate) ride_id: Uuid,
    pub(crate) status: String,
    pub(crate) pickup: Point,
    pub(crate) destination: Point,
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// A live offer, as dispatch lists it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LiveOffer {
    pub(crate) ride_id: Uuid,
    pub(crate) driver_id: Uuid,
    pub(crate) state: String,
}

/// A page of a public list, as operators read it.
#[derive(Debug, Deserialize)]
struct ListPage<T> {
    items: Vec<T>,
    #[serde(default)]
    next: Option<String>,
}

/// A driver with the last position that location has.
#[derive(Debug, Deserialize)]
struct DriverPlace {
    driver_id: Uuid,
    at: Point,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct TownSnapshot {
    /// The rides that are not over.
    pub(crate) rides: HashMap<Uuid, ListedRide>,
    pub(crate) offers: HashMap<Uuid, LiveOffer>,
    pub(crate) shown: MapState,
}

/// The contents of the map.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct MapState {
    /// Whether there is more than is shown.
    pub(crate) is_partial: bool,
    /// The age of the snapshot.
    age_seconds: u64,
    drivers: Vec<MapDriver>,
    rides: Vec<MapRide>,
}

#[derive(Debug, Clone, Serialize)]
struct MapDriver {
    id: Uuid,
    at: MapPoint,
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

/// Looks until this future is dropped. A failed read leaves the picture as it is, with its age, because a service may
/// be down.
pub(crate) async fn look(site: &Site, seen: &watch::Sender<Arc<TownSnapshot>>) -> Result<()> {
    let token = site.token(&site.new_id().to_string(), BEHIND).await?;
    let client = SiteClient::new(site, 0).with(token.as_deref());
    let mut read_at = Instant::now();
    loop {
        let mut next = TownSnapshot::clone(&seen.borrow());
        if next.read(client).await.is_ok() {
            read_at = Instant::now();
        }
        next.shown.age_seconds = read_at.elapsed().as_secs();
        seen.send_replace(Arc::new(next));
        tokio::time::sleep(PAUSE).await;
    }
}

impl TownSnapshot {
    async fn read(&mut self, client: SiteClient<'_>) -> Result<()> {
        let middle = MapPoint { x: WIDTH / 2.0, y: HEIGHT / 2.0 }.on_earth().context("a town")?;
        let near = format!("/near?lat={}&lon={}&limit={NEAR}", middle.lat(), middle.lon());
        let (near, _): (Vec<DriverPlace>, _) = list(client, "location", &near).await?;
        // The offers first: a ride's status is not older than its offer.
        let (offers, has_offers): (Vec<LiveOffer>, _) =
            list(client, "dispatch", "/trips?live=true&limit=1000").await?;
        let (mut rides, has_rides): (Vec<ListedRide>, _) =
            list(client, "dispatch", "/rides?live=true&limit=1000").await?;
        rides.retain(|ride| MapPoint::in_town(ride.pickup).is_some());
        self.shown.is_partial = !has_offers || !has_rides || near.len() >= NEAR;
        self.shown.draw(near, &offers, &rides);
        self.offers = offers.into_iter().map(|offer| (offer.driver_id, offer)).collect();
        self.rides = rides.into_iter().map(|ride| (ride.ride_id, ride)).collect();
        Ok(())
    }
}

/// Returns the items, and whether these are all. Without retries, because the next look comes in a moment.
async fn list<T: DeserializeOwned>(
    client: SiteClient<'_>,
    service: &str,
    path: &str,
) -> Result<(Vec<T>, bool)> {
    let request = client.request(Method::GET, service, path, &Value::Null).await?;
    let answer = request.send().await?.error_for_status()?;
    let ListPage { items, next } = serde_json::from_slice(&answer.bytes().await?)?;
    Ok((items, next.is_none()))
}

impl MapState {
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
        self.drivers = near
            .into_iter()
            .filter_map(|DriverPlace { driver_id: id, at }| {
                let does = does.get(&id).copied().unwrap_or("free");
                Some(MapDriver { id, at: MapPoint::in_town(at)?, does })
            })
            .collect();
        self.rides = rides
            .iter()
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
