//! The service that is watched, as a process of its own: this very test program, told to be the service.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::routing::post;
use ballet::http::Problem;
use ballet::{Handle, Participant, Reading, Service, Settings, TelemetryFollower};
use ballet_stage::{OwnProcess, wait_until};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::lamps::reader;
use crate::meter;
use crate::meter::{Beat, METER_TABLES};
use crate::scrape::{Sample, samples};
use crate::trip::{HOTEL_TABLES, HotelRenamed, Rental, Trouble, cars, hotel};
use crate::world::LONG;

const SERVICE: &str = "WATCHED_SERVICE";
const AMQP: &str = "WATCHED_AMQP_URL";
const DATABASE: &str = "WATCHED_DATABASE_URL";
const MANAGEMENT: &str = "WATCHED_MANAGEMENT_URL";

/// The addresses of a service's servers.
#[derive(Debug, Clone)]
pub(crate) struct ServerAddresses {
    pub(crate) amqp: String,
    pub(crate) database: String,
    pub(crate) management: Option<String>,
}

/// A service in a process of its own. It ends with this.
pub(crate) struct ServiceProcess {
    process: OwnProcess,
    address: String,
}

impl ServiceProcess {
    pub(crate) async fn start(name: &str, places: &ServerAddresses) -> Self {
        let process = OwnProcess::start("process::service", |command| {
            command
                .env(SERVICE, name)
                .env(AMQP, &places.amqp)
                .env(DATABASE, &places.database)
                .envs(places.management.iter().map(|url| (MANAGEMENT, url)));
        });
        let mut process = process.expect("a process");
        let address = process.serving().await.expect("it serves");
        Self { address, process }
    }

    pub(crate) fn metrics_url(&self) -> String {
        format!("{}/metrics", self.address)
    }

    pub(crate) async fn scrape(&self) -> Vec<Sample> {
        let url = self.metrics_url();
        let text = wait_until("metrics", LONG, || async {
            reqwest::get(&url).await?.text().await.map(Some)
        });
        samples(&text.await.expect("metrics"))
    }

    /// Returns the answer of `/readyz`.
    pub(crate) async fn readiness(&self) -> Value {
        let answer = reqwest::get(format!("{}/readyz", self.address)).await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    /// Kills it.
    pub(crate) async fn kill(&mut self) {
        self.process.kill().await.expect("killed");
    }

    /// Has it stand still, with its connections open.
    pub(crate) fn freeze(&self) {
        self.process.freeze().expect("it runs");
    }

    /// Has it go on.
    pub(crate) fn thaw(&self) {
        self.process.thaw().expect("it runs");
    }

    /// Has the meter publish a beat. Returns the status of its answer.
    pub(crate) async fn beat(&self) -> u16 {
        let url = format!("{}/beat", self.address);
        reqwest::Client::new().post(url).send().await.expect("an answer").status().as_u16()
    }

    /// Has the hotel publish an event with a name of this length.
    pub(crate) async fn rename(&self, length: usize) {
        let url = format!("{}/name/{length}", self.address);
        let answer = reqwest::Client::new().post(url).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
    }
}

/// No test: what the processes of the tests run. Without a service to be it does nothing.
#[test]
fn service() {
    let Ok(name) = std::env::var(SERVICE) else { return };
    let setting = |name| std::env::var(name).expect("a setting");
    let mut settings = Settings::new(setting(AMQP), setting(DATABASE));
    settings.management_url = std::env::var(MANAGEMENT).ok();
    // The meter takes long for one of its beats.
    settings.telemetry_batch = 1;
    // More than the broker takes.
    settings.max_body = 32 << 20;
    let service = || {
        let service = Service::new(participant(&name));
        match name.as_str() {
            "hotel" => service.migrations(HOTEL_TABLES).routes(routes),
            "meter" => service.migrations(METER_TABLES).routes(measures),
            _ => service,
        }
    };
    OwnProcess::serve(service, settings);
}

/// The number of a beat for which the dial takes long.
pub(crate) const SLOW: i64 = 800;

/// Follows the beats, and is too slow for some of them.
struct Dial;

impl TelemetryFollower for Dial {
    const NAME: &'static str = "turn_dial";
    type Follows = Beat;

    fn reaches_back(&self) -> SignedDuration {
        SignedDuration::from_hours(1)
    }

    fn take(&self, _: Timestamp, batch: &[Reading<Beat>]) {
        for _ in batch.iter().filter(|reading| reading.value.number == SLOW) {
            tokio::task::block_in_place(|| std::thread::sleep(Duration::from_secs(3)));
        }
    }
}

/// A service by its name.
pub(crate) fn participant(name: &str) -> Participant {
    match name {
        // A failure there never ends.
        "hotel" => hotel(Trouble::default().times(u32::MAX)),
        // No car is ever rented.
        "cars" => cars(Rental { trouble: Trouble::default().times(u32::MAX), ..Rental::default() }),
        "porter" => reader("porter"),
        "meter" => meter::participant(),
        "dial" => Participant::new("dial").follows_telemetry(Dial),
        other => panic!("no such service: {other}"),
    }
}

fn routes(handle: Handle) -> axum::Router {
    axum::Router::new().route("/name/{length}", post(rename)).with_state(handle)
}

fn measures(handle: Handle) -> axum::Router {
    axum::Router::new().route("/beat", post(beat)).with_state(handle)
}

async fn beat(State(meter): State<Handle>) -> Result<(), Problem> {
    let beat = Beat { device: "bell".to_owned(), number: 1 };
    Ok(meter.telemetry::<Beat>().send(&beat).await?)
}

async fn rename(State(hotel): State<Handle>, Path(length): Path<usize>) -> Result<(), Problem> {
    let mut unit = hotel.unit().await?;
    unit.tx().publish(&HotelRenamed { name: "x".repeat(length) }).await?;
    unit.commit().await?;
    Ok(())
}
