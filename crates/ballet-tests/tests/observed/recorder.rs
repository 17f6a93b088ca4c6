//! A recorder of metrics that panics. These tests run on one thread, so it is theirs alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use ballet_stage::wait_until;
use ballet_testkit::health::until_ready;
use jiff::SignedDuration;
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use serde_json::json;

use crate::trip::{
    CarRented, DESK_TABLES, Rental, RoomBooked, TripBooked, TripCancelled, cars, desk_within,
};
use crate::world::{SOON, TripWorld, part, the_hotel};

/// Panics when a metric is registered, or only when a value is recorded.
struct Panics {
    at_once: bool,
}

struct Value;

impl Panics {
    fn registered(&self) -> Arc<Value> {
        assert!(!self.at_once, "the recorder takes no metric");
        Arc::new(Value)
    }
}

impl Recorder for Panics {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.registered())
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.registered())
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.registered())
    }
}

impl CounterFn for Value {
    fn increment(&self, _: u64) {
        panic!("the recorder takes no value")
    }

    fn absolute(&self, _: u64) {
        panic!("the recorder takes no value")
    }
}

impl GaugeFn for Value {
    fn increment(&self, _: f64) {
        panic!("the recorder takes no value")
    }

    fn decrement(&self, _: f64) {
        panic!("the recorder takes no value")
    }

    fn set(&self, _: f64) {
        panic!("the recorder takes no value")
    }
}

impl HistogramFn for Value {
    fn record(&self, _: f64) {
        panic!("the recorder takes no value")
    }
}

/// Steps, calls, deadlines, refusals, dead letters and a lost connection under this recorder.
async fn all_goes_on(name: &str, recorder: &Panics) {
    let _guard = metrics::set_default_local_recorder(recorder);
    let desk = desk_within(SignedDuration::from_secs(3));
    let hotel = the_hotel();
    let parts = vec![part(desk, DESK_TABLES), hotel, part(cars(Rental::default()), &[])];
    let world = TripWorld::new(name, parts).await;
    for round in 1..=2 {
        let saga = world.new_saga();
        world.publish(saga, &TripBooked { city: "Rome".into() }).await;
        world.event::<RoomBooked>(saga).await;
        world.event::<CarRented>(saga).await;
        world.publish_raw("desk.trip_booked.v1", &json!({}), "?").await;
        world.dead_letters(round).await;
        // Nobody confirms it.
        let overdue = world.new_saga();
        let mut unit = world.handle(0).saga_unit(overdue).await.expect("a transaction");
        unit.originate(TripBooked { city: "Full".into() }).await.expect("originated");
        unit.commit().await.expect("committed");
        world.event::<TripCancelled>(overdue).await;
        // A metric that is registered with a connection is registered again.
        let management = world.env.management();
        // The list lags.
        let names = wait_until("the hotel's connections", SOON, || async {
            let open = management.connections().await.map_err(|error| error.to_string())?;
            let names = open.iter().map(|one| &one["client_properties"]["connection_name"]);
            let names = names
                .filter_map(serde_json::Value::as_str)
                .filter(|name| name.starts_with("hotel "));
            let names: BTreeSet<String> = names.map(str::to_owned).collect();
            if names.len() == 2 { Ok(Some(names)) } else { Err(format!("{names:?}")) }
        });
        for name in names.await.expect("both ways") {
            management.close_connections(&name).await.expect("closed");
        }
    }
    for service in &world.services {
        until_ready(service.address(), "a ready service", |status, _| status == 200).await;
    }
}

#[tokio::test]
async fn t167_a_recorder_that_takes_no_metric_costs_nothing_but_its_metrics() {
    all_goes_on("no_metric", &Panics { at_once: true }).await;
}

#[tokio::test]
async fn t167_a_recorder_that_takes_no_value_costs_nothing_but_its_metrics() {
    all_goes_on("no_value", &Panics { at_once: false }).await;
}
