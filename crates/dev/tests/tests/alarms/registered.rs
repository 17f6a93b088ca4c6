//! Every metric is there before its first event, and the alarms and the board ask for no other.

use std::collections::BTreeSet;

use ballet::core::Reason;
use ballet::{Participant, Reading, TelemetryFollower};
use ballet_stage::{Sample, Selector, Servers, samples, wait_until};
use ballet_testkit::health::metrics;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::lamps::reader;
use crate::meter::{self, Beat, METER_TABLES};
use crate::rules::{read, rules};
use crate::trip::{HOTEL_TABLES, Rental, Trouble, cars, hotel};
use crate::world::{SOON, TripWorld, WorldPart, part};

const RECONNECTS: &str = "ballet_reconnects_total";
/// The broker's metrics that the page tells an operator to scrape.
const OF_THE_BROKER: &str = "/metrics/detailed?family=queue_coarse_metrics\
    &family=queue_consumer_count&family=node_metrics&family=node_coarse_metrics";

struct Dial;

impl TelemetryFollower for Dial {
    const NAME: &'static str = "turn_dial";
    type Follows = Beat;

    fn reaches_back(&self) -> SignedDuration {
        SignedDuration::from_hours(1)
    }

    fn take(&self, _: Timestamp, _: &[Reading<Beat>]) {}
}

/// Together they have a metric of each kind. The first has done nothing once it runs.
fn parts() -> [WorldPart; 5] {
    [
        part(hotel(Trouble::default()), HOTEL_TABLES),
        part(cars(Rental::default()), &[]),
        part(reader("porter"), &[]),
        part(meter::participant(), METER_TABLES),
        part(Participant::new("dial").follows_telemetry(Dial), &[]),
    ]
}

/// Returns the name of a metric without what a histogram adds.
fn family(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// Reads the metrics of this process, which all its services share.
async fn scrape(world: &TripWorld) -> Vec<Sample> {
    samples(&metrics(world.services[0].address()).await.expect("metrics"))
}

fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let has = |sample: &&Sample| {
        sample.metric == name
            && labels.iter().all(|(k, v)| sample.labels.get(*k).is_some_and(|found| found == v))
    };
    samples.iter().find(has).map(|sample| sample.value)
}

fn drawn() -> Vec<String> {
    let board: Value = serde_json::from_str(&read("docs/monitoring/board.json")).expect("JSON");
    let panels = board["panels"].as_array().expect("panels").iter();
    let lines = panels.flat_map(|panel| panel["targets"].as_array().expect("targets"));
    lines.map(|line| line["expr"].as_str().expect("an expression").to_owned()).collect()
}

#[tokio::test]
async fn every_metric_begins_at_zero_and_alarms_and_board_ask_for_no_other() {
    let mut world = TripWorld::prepared("registered", parts().into()).await;
    let mut waiting = parts().into_iter();
    world.start(waiting.next().expect("the hotel")).await;
    // Nothing was sent to it, so nothing has happened but attempts to connect on a busy machine.
    let first = scrape(&world).await;
    let counters = first.iter().filter(|sample| sample.metric.ends_with("_total"));
    for sample in counters.filter(|sample| sample.metric != RECONNECTS) {
        assert!(sample.value.abs() < f64::EPSILON, "{sample:?}");
    }
    for role in ["consume", "publish"] {
        assert!(value(&first, RECONNECTS, &[("role", role)]).is_some(), "{role}");
    }
    let reasons = Reason::ALL.iter().map(|reason| reason.code()).collect::<Vec<_>>();
    for (name, label, values) in [
        ("ballet_dead_letters_total", "reason", &reasons[..]),
        ("ballet_failures_total", "then", &["again", "retry.5s", "retry.30s", "retry.5m"]),
        ("ballet_spans_dropped_total", "why", &["queue", "export"]),
        ("ballet_messages_total", "outcome", &["handled", "refused", "nothing", "duplicate"]),
    ] {
        for found in values {
            assert_eq!(value(&first, name, &[(label, *found)]), Some(0.0), "{name} {found}");
        }
    }

    for part in waiting {
        world.start(part).await;
    }
    let all = scrape(&world).await;
    for outcome in ["answered", "failed", "not_yet"] {
        let labels = [("step", "rent_car"), ("outcome", outcome)];
        assert_eq!(value(&all, "ballet_calls_total", &labels), Some(0.0), "{outcome}");
    }
    let (reader, stream) = (("reader", "beats"), ("stream", "meter.beat.v1.1"));
    let follower = ("reader", "turn_dial");
    let published = [("type", "meter.beat.v1"), ("outcome", "confirmed")];
    for (name, labels) in [
        ("ballet_telemetry_published_total", &published[..]),
        ("ballet_telemetry_read_total", &[reader]),
        ("ballet_telemetry_missed_total", &[reader]),
        ("ballet_telemetry_aside_total", &[reader, ("reason", "reader_failed")]),
        ("ballet_telemetry_lag_messages", &[reader, stream]),
        ("ballet_telemetry_lag_seconds", &[reader, stream]),
        ("ballet_telemetry_follow_lag_seconds", &[follower, stream]),
    ] {
        assert_eq!(value(&all, name, labels), Some(0.0), "{name}");
        let mut of_it = all.iter().filter(|sample| sample.metric == name);
        assert!(of_it.all(|sample| !sample.labels.is_empty()), "{name} without labels");
    }

    // The metrics of the gateway and of the console have tests of their own.
    let asked = rules().into_iter().map(|rule| rule["expr"].as_str().expect("a rule").to_owned());
    let asked = asked.chain(drawn()).flat_map(|expression| Selector::all_of(&expression));
    let is_of_tool = |name: &str| name.starts_with("gateway_") || name.starts_with("console_");
    let asked: BTreeSet<_> = asked.filter(|selector| !is_of_tool(&selector.metric)).collect();
    assert!(asked.len() > 30, "{asked:?}");
    let page = read("docs/metrics.md");
    let named: BTreeSet<&str> =
        page.split('`').filter(|name| name.starts_with("ballet_")).filter_map(metric).collect();
    let broker = Servers::shared().await.expect("servers").rabbitmq().metrics_url();
    let broker = format!("{broker}{OF_THE_BROKER}&vhost={}", world.env.vhost());
    // What a service compares at the broker is there after its first look.
    wait_until("all metrics", SOON, || async {
        let mut all = scrape(&world).await;
        let of_broker = reqwest::get(&broker).await.map_err(|error| error.to_string())?;
        all.extend(samples(&of_broker.text().await.map_err(|error| error.to_string())?));
        let families: BTreeSet<&str> = all.iter().map(|sample| family(&sample.metric)).collect();
        let missing: Vec<_> = asked.iter().filter(|selector| !selector.is_in(&all)).collect();
        let unnamed: Vec<_> = named.difference(&families).collect();
        let is_whole = missing.is_empty() && unnamed.is_empty();
        if is_whole { Ok(Some(())) } else { Err(format!("{missing:?} {unnamed:?}")) }
    })
    .await
    .expect("all metrics");
}

fn metric(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(text.len());
    (end > "ballet_".len()).then(|| family(&text[..end]))
}

/// The board shows each metric behind a critical alarm.
#[test]
fn the_board_draws_what_wakes_somebody() {
    let metrics = |expression: &str| {
        let all = Selector::all_of(expression).into_iter();
        all.map(|selector| selector.metric).collect::<Vec<_>>()
    };
    let drawn: BTreeSet<String> = drawn().iter().flat_map(|line| metrics(line)).collect();
    let critical =
        rules().into_iter().filter(|rule| rule["labels"]["severity"].as_str() == Some("critical"));
    let rung = critical.flat_map(|rule| metrics(rule["expr"].as_str().expect("a rule")));
    let not_drawn: Vec<_> = rung.filter(|name| !drawn.contains(name)).collect();
    let is_in_others = |name: &String| name.ends_with("_missing") || name.ends_with("_total");
    assert!(not_drawn.iter().all(is_in_others), "{not_drawn:?}");
}
