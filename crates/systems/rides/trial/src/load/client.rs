//! Riders and drivers who talk to the services, and retry until there is an answer. Each customer has its own place
//! on the map, far from the others, so that they do not share drivers.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use ballet_trials::{Site, SiteClient, id};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

/// A client retries for this long.
const PATIENCE: Duration = Duration::from_secs(120);
const REPLICAS: usize = 2;
const PAUSE: Duration = Duration::from_millis(50);
/// In degrees, between the places of two customers.
const APART: f64 = 0.5;
/// Such clients play a rider and its drivers, or see all of them.
pub(crate) const BEHIND: &str = "rides:all";
const COLUMNS: usize = 600;
const ROWS: usize = 200;

#[derive(Debug, Clone, Copy)]
pub(crate) struct RidesClient<'a> {
    pub(crate) http: SiteClient<'a>,
}

impl<'a> RidesClient<'a> {
    pub(crate) const fn new(site: &'a Site, number: usize) -> Self {
        Self { http: SiteClient::new(site, number) }
    }

    pub(crate) const fn with(self, token: Option<&'a str>) -> Self {
        Self { http: self.http.with(token) }
    }

    /// Returns the place this many steps of 300 meters from the waiting rider.
    pub(crate) fn place(&self, steps: u8) -> Value {
        let column = u32::try_from(self.http.number % COLUMNS).unwrap_or_default();
        let row = u32::try_from(self.http.number / COLUMNS % ROWS).unwrap_or_default();
        let lat = -50.0 + APART * f64::from(row) + 0.0027 * f64::from(steps);
        json!({ "lat": lat, "lon": -150.0 + APART * f64::from(column) })
    }

    pub(crate) async fn driver(&self, steps: u8) -> Result<Uuid> {
        let driver = self.http.site.new_id();
        self.online(driver, steps).await?;
        Ok(driver)
    }

    pub(crate) async fn online(&self, driver: Uuid, steps: u8) -> Result<()> {
        let shift = json!({ "seats": 4, "at": self.place(steps) });
        self.http
            .done(Method::POST, "location", &format!("/drivers/{driver}/online"), &shift)
            .await?;
        Ok(())
    }

    pub(crate) async fn offline(&self, driver: Uuid) -> Result<()> {
        let path = format!("/drivers/{driver}/offline");
        self.http.done(Method::POST, "location", &path, &json!({})).await?;
        Ok(())
    }

    /// A position takes a moment to reach all replicas.
    pub(crate) async fn until_near(&self, drivers: &[Uuid]) -> Result<()> {
        let here = self.place(0);
        let path = format!("/near?lat={}&lon={}", here["lat"], here["lon"]);
        let are_near = |near: &Value| {
            let near: Vec<_> = near["items"].as_array().into_iter().flatten().collect();
            let is_near =
                |driver: &Uuid| near.iter().any(|near| near["driver_id"] == driver.to_string());
            drivers.iter().all(is_near)
        };
        // Without drivers there is nothing to ask, and location may be down.
        for replica in (0..REPLICAS).filter(|_| !drivers.is_empty()) {
            let http = SiteClient { number: self.http.number + replica, ..self.http };
            http.until("location", &path, "with all drivers", are_near).await?;
        }
        Ok(())
    }

    pub(crate) async fn rider(&self) -> Result<Uuid> {
        self.rider_with("card_approved").await
    }

    pub(crate) async fn rider_with(&self, card: &str) -> Result<Uuid> {
        let about = json!({ "name": "Rider", "payment_token": card });
        let rider = self.http.done(Method::POST, "riders", "/riders", &about).await?;
        id(&rider["rider_id"])
    }

    pub(crate) async fn change_name(&self, rider: Uuid, name: &str) -> Result<()> {
        let about = json!({ "name": name, "payment_token": "card_approved" });
        self.http.done(Method::PUT, "riders", &format!("/riders/{rider}"), &about).await?;
        Ok(())
    }

    pub(crate) async fn request(&self, rider: Uuid) -> Result<Uuid> {
        self.request_from(rider, self.place(0), self.place(20)).await
    }

    pub(crate) async fn request_from(&self, rider: Uuid, from: Value, to: Value) -> Result<Uuid> {
        let begun = Instant::now();
        let quote = loop {
            match self.quote(rider, from.clone(), to.clone()).await? {
                Some(quote) => break quote,
                None if begun.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
                None => bail!("dispatch does not know rider {rider}"),
            }
        };
        self.request_by(&quote).await
    }

    /// `None` if dispatch does not know the rider yet.
    pub(crate) async fn quote(&self, rider: Uuid, from: Value, to: Value) -> Result<Option<Value>> {
        let journey = json!({ "rider_id": rider, "pickup": from, "destination": to });
        let (status, quote) = self.http.ask(Method::POST, "dispatch", "/quotes", &journey).await?;
        match status {
            StatusCode::CREATED => Ok(Some(quote)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => bail!("POST /quotes answered {status}: {quote}"),
        }
    }

    pub(crate) async fn request_by(&self, quote: &Value) -> Result<Uuid> {
        let request = json!({ "quote_id": quote["quote_id"] });
        let ride = self.http.done(Method::POST, "dispatch", "/rides", &request).await?;
        ensure!(ride["price"] == quote["price"], "{quote} became {ride}");
        id(&ride["ride_id"])
    }

    pub(crate) async fn trip(&self, ride: Uuid) -> Result<Value> {
        self.http.done(Method::GET, "dispatch", &format!("/trips/{ride}"), &Value::Null).await
    }

    pub(crate) async fn read(&self, ride: Uuid) -> Result<Value> {
        self.http.done(Method::GET, "dispatch", &format!("/rides/{ride}"), &Value::Null).await
    }

    pub(crate) async fn until(
        &self,
        ride: Uuid,
        what: &str,
        is: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        self.http.until("dispatch", &format!("/rides/{ride}"), what, is).await
    }

    /// Another driver than these. `None` if the ride is cancelled instead.
    pub(crate) async fn until_asked(&self, ride: Uuid, before: &[Uuid]) -> Result<Option<Uuid>> {
        let begun = Instant::now();
        loop {
            if self.read(ride).await?["status"] == "cancelled" {
                return Ok(None);
            }
            let (status, trip) = self.http.get("dispatch", &format!("/trips/{ride}")).await?;
            if status.is_success() {
                let driver = id(&trip["offer"]["driver_id"])?;
                if !before.contains(&driver) {
                    return Ok(Some(driver));
                }
            }
            ensure!(begun.elapsed() < PATIENCE, "nobody is asked to drive {ride}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(crate) async fn act(
        &self,
        ride: Uuid,
        driver: Uuid,
        what: &str,
    ) -> Result<(StatusCode, Value)> {
        let (path, says) = (format!("/trips/{ride}/{what}"), json!({ "driver_id": driver }));
        self.http.ask(Method::POST, "dispatch", &path, &says).await
    }

    pub(crate) async fn cancel(&self, ride: Uuid) -> Result<(StatusCode, Value)> {
        let path = format!("/rides/{ride}/cancel");
        self.http.ask(Method::POST, "dispatch", &path, &json!({})).await
    }

    /// Waits until location knows that no rider is in the car.
    pub(crate) async fn go_home(&self, driver: Uuid) -> Result<()> {
        let (path, begun) = (format!("/drivers/{driver}/offline"), Instant::now());
        loop {
            let (status, answer) =
                self.http.ask(Method::POST, "location", &path, &json!({})).await?;
            if status.is_success() {
                return Ok(());
            }
            let is_riding = status == StatusCode::CONFLICT && begun.elapsed() < PATIENCE;
            ensure!(is_riding, "driver {driver} cannot go offline: {status}: {answer}");
            tokio::time::sleep(PAUSE).await;
        }
    }
}
