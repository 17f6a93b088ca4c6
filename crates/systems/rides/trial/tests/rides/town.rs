//! Riders and drivers of a made-up town, through the services' HTTP routes.

use std::time::Duration;

use std::sync::Arc;

use ballet_stage::{Method, Servers, wait_until};
use ballet_testkit::TestSystem;
use dispatch::Dispatch;
use dispatch::config::DispatchSettings;
use location::Location;
use location::config::LocationSettings;
use reqwest::{Client, StatusCode};
use riders::Riders;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bank::Bank;

const LIMIT: Duration = Duration::from_secs(60);
pub(crate) const NEAR: &str = "/near?lat=52.5&lon=13.4";

pub(crate) struct Town {
    pub(crate) system: TestSystem,
    pub(crate) bank: Bank,
}

impl Town {
    pub(crate) async fn with(name: &str, settings: DispatchSettings) -> Self {
        let servers = Servers::shared().await.expect("servers");
        let mut system = TestSystem::prepared_on(servers, name, rides::system().parts).await;
        let bank = Bank::new(system.env.database_url("dispatch"));
        let location = Location::new(LocationSettings::default());
        for service in [location.service(), Riders::service()] {
            system.start(service).await;
        }
        let mut town = Self { system, bank };
        town.start_dispatch(settings).await;
        town
    }

    pub(crate) async fn start_dispatch(&mut self, settings: DispatchSettings) {
        let service = Dispatch::new(settings, Arc::new(self.bank.clone())).service();
        self.system.start(service).await;
    }

    pub(crate) async fn new(name: &str) -> Self {
        Self::with(name, patient()).await
    }

    async fn done(&self, method: Method, service: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.system.request(method, service, path, Some(&body)).await;
        assert!(status.is_success(), "{path} answered {status}: {answer}");
        answer
    }

    /// Brings a driver online, this many steps of 300 meters from the riders. Waits until location finds the driver.
    pub(crate) async fn driver(&self, steps: u8) -> Uuid {
        let driver = self.system.new_id();
        self.online(driver, 4, steps).await;
        driver
    }

    pub(crate) async fn online(&self, driver: Uuid, seats: u8, steps: u8) -> Value {
        let shift = json!({ "seats": seats, "at": place(steps) });
        let path = format!("/drivers/{driver}/online");
        let online = self.done(Method::POST, "location", &path, shift).await;
        let is_it = |near: &Value| near["driver_id"] == driver.to_string();
        self.until_near("the driver is near", |near| near.iter().any(is_it)).await;
        online
    }

    pub(crate) async fn until_near(&self, what: &str, is_so: impl Fn(&[Value]) -> bool) {
        let found = wait_until(what, LIMIT, || async {
            let (_, near) = self.system.get("location", NEAR).await;
            let near = near["items"].as_array().cloned().unwrap_or_default();
            if is_so(&near) { Ok(Some(())) } else { Err(format!("{near:?}")) }
        });
        found.await.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Sends as a person who is signed in at the gateway with this scope. Returns the status, whether the answer has
    /// `Retry-After`, and the body.
    pub(crate) async fn signed_in(
        &self,
        (person, scope): (Uuid, &str),
        method: Method,
        (service, path): (&str, &str),
        body: &Value,
    ) -> (StatusCode, bool, Value) {
        let request = Client::new()
            .request(method, format!("{}{path}", self.system.url(service)))
            .header("x-ballet-subject", person.to_string())
            .header("x-ballet-scopes", scope);
        let request = if body.is_null() { request } else { request.json(body) };
        let answer = request.send().await.expect("an answer");
        let (status, waits) = (answer.status(), answer.headers().contains_key("retry-after"));
        (status, waits, answer.json().await.expect("JSON"))
    }

    /// Acts as the driver who is signed in.
    pub(crate) async fn says(&self, ride: Uuid, driver: Uuid, what: &str) -> (StatusCode, Value) {
        let path = format!("/trips/{ride}/{what}");
        let by = (driver, "rides:drive");
        let body = json!({ "driver_id": driver });
        let (status, _, answer) =
            self.signed_in(by, Method::POST, ("dispatch", &path), &body).await;
        (status, answer)
    }

    /// Repeats the action until it is accepted, because dispatch learns of a position in a moment.
    pub(crate) async fn until_heard(&self, ride: Uuid, driver: Uuid, what: &str) -> Value {
        let heard = wait_until(what, LIMIT, || async {
            let (status, answer) = self.says(ride, driver, what).await;
            if status.is_success() { Ok(Some(answer)) } else { Err(answer.to_string()) }
        });
        heard.await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Waits until all are free, so that the next rides do not find them.
    pub(crate) async fn all_go_home(&self) {
        let online = "select coalesce(string_agg(driver_id::text, ' '), '') from driver where state <> 'offline'";
        let online: String = self.system.value("location", online).await;
        for driver in online.split_whitespace() {
            let driver = driver.parse().expect("an id");
            self.until_driver(driver, "free").await;
            assert_eq!(self.offline(driver).await.0, StatusCode::OK);
        }
    }

    pub(crate) async fn offline(&self, driver: Uuid) -> (StatusCode, Value) {
        self.system.post("location", &format!("/drivers/{driver}/offline"), &json!({})).await
    }

    /// Waits until both copies have the rider.
    pub(crate) async fn rider(&self) -> Uuid {
        self.rider_with("card_approved").await
    }

    /// Who pays with this card. Waits until both copies have the rider.
    pub(crate) async fn rider_with(&self, card: &str) -> Uuid {
        let about = json!({ "name": "Ada", "payment_token": card });
        let rider = self.done(Method::POST, "riders", "/riders", about).await;
        let rider = id(&rider["rider_id"]);
        for service in ["dispatch", "location"] {
            let copied = format!("select count(*) from ballet.copy where id = '{rider}'");
            self.system.until(service, &copied, 1).await;
        }
        rider
    }

    /// A rider with this card, and the only driver.
    pub(crate) async fn rider_and_driver(&self, card: &str) -> (Uuid, Uuid) {
        self.all_go_home().await;
        (self.rider_with(card).await, self.driver(1).await)
    }

    pub(crate) async fn request(&self, rider: Uuid) -> Uuid {
        self.request_by(&self.quote(rider).await).await
    }

    pub(crate) async fn quote(&self, rider: Uuid) -> Value {
        let journey = json!({
            "rider_id": rider, "pickup": place(0), "destination": place(20),
        });
        self.done(Method::POST, "dispatch", "/quotes", journey).await
    }

    pub(crate) async fn request_by(&self, quote: &Value) -> Uuid {
        let request = json!({ "quote_id": quote["quote_id"] });
        let ride = self.done(Method::POST, "dispatch", "/rides", request.clone()).await;
        assert_eq!(ride["price"], quote["price"]);
        let again = self.done(Method::POST, "dispatch", "/rides", request).await;
        assert_eq!(again["ride_id"], ride["ride_id"], "one ride for a quote");
        // After a restore to a time before the ride, it gets the same id, and so the same keys of calls.
        assert_eq!(ride["ride_id"], quote["quote_id"]);
        id(&ride["ride_id"])
    }

    /// These drivers are the only ones.
    pub(crate) async fn request_with_drivers(&self, near: &[u8]) -> (Uuid, Vec<Uuid>) {
        self.all_go_home().await;
        let mut drivers = Vec::new();
        for steps in near {
            drivers.push(self.driver(*steps).await);
        }
        let rider = self.rider().await;
        (self.request(rider).await, drivers)
    }

    pub(crate) async fn until_asked(&self, ride: Uuid, driver: Uuid) {
        let open =
            format!("select driver_id from offer where ride_id = '{ride}' and state = 'open'");
        self.system.until("dispatch", &open, driver).await;
    }

    pub(crate) async fn try_action(
        &self,
        ride: Uuid,
        driver: Uuid,
        what: &str,
    ) -> (StatusCode, Value) {
        let body = json!({ "driver_id": driver });
        self.system.post("dispatch", &format!("/trips/{ride}/{what}"), &body).await
    }

    /// Acts twice. The second time changes nothing.
    pub(crate) async fn act(&self, ride: Uuid, driver: Uuid, what: &str) {
        for _ in 0..2 {
            let (status, answer) = self.try_action(ride, driver, what).await;
            assert!(status.is_success(), "{what} is answered with {status}: {answer}");
        }
    }

    pub(crate) async fn accept(&self, ride: Uuid, driver: Uuid) {
        self.act(ride, driver, "accept").await;
        self.until(ride, "assigned").await;
    }

    pub(crate) async fn drive(&self, ride: Uuid, driver: Uuid) {
        self.accept(ride, driver).await;
        self.act(ride, driver, "start").await;
        self.act(ride, driver, "complete").await;
        self.until(ride, "completed").await;
    }

    pub(crate) async fn cancel(&self, ride: Uuid) -> StatusCode {
        self.system.post("dispatch", &format!("/rides/{ride}/cancel"), &json!({})).await.0
    }

    pub(crate) async fn until(&self, ride: Uuid, status: &str) {
        let query = format!("select status from ride where ride_id = '{ride}'");
        self.system.until("dispatch", &query, status).await;
    }

    /// Waits until so many of the ride's events have come too early, and are to come again.
    pub(crate) async fn until_early(&self, service: &str, ride: Uuid, events: u8) {
        let early = format!(
            "select count(*) from ballet.failure where saga_id = '{ride}' and reason = 'not_yet'"
        );
        self.system.until(service, &early, events).await;
    }

    pub(crate) async fn until_cancelled(&self, ride: Uuid, reason: &str) {
        let query = format!("select reason from ride where ride_id = '{ride}'");
        self.system.until("dispatch", &query, reason).await;
    }

    pub(crate) async fn until_driver(&self, driver: Uuid, state: &str) {
        let query = format!("select state from driver where driver_id = '{driver}'");
        self.system.until("location", &query, state).await;
    }

    pub(crate) async fn receipt(&self, ride: Uuid) -> Value {
        let (status, receipt) =
            self.system.get("dispatch", &format!("/rides/{ride}/receipt")).await;
        assert!(status.is_success(), "{status}: {receipt}");
        receipt
    }

    pub(crate) async fn until_payment(&self, ride: Uuid, state: &str) {
        let query = format!("select state from payment where ride_id = '{ride}'");
        self.system.until("dispatch", &query, state).await;
    }

    /// Returns operations in order, with amounts.
    pub(crate) async fn at_the_bank(&self, ride: Uuid) -> String {
        let query = format!(
            "select coalesce(string_agg(result || ' ' || amount_minor, ', ' order by created_at), '')
             from sandbox_operation where order_id = '{ride}'"
        );
        self.system.value("dispatch", &query).await
    }

    pub(crate) async fn close(self) {
        self.system.close(0).await;
    }
}

/// Returns a place this many steps of 300 meters from the riders.
pub(crate) fn place(steps: u8) -> Value {
    json!({ "lat": 52.5 + 0.0027 * f64::from(steps), "lon": 13.4 })
}

pub(crate) fn patient() -> DispatchSettings {
    DispatchSettings { offer_seconds: 3_600, ..DispatchSettings::default() }
}

pub(crate) fn id(value: &Value) -> Uuid {
    value.as_str().and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("{value} is no id"))
}
