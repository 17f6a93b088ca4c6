//! Every metric is there before its first event, and all that names metrics names such.

use std::collections::BTreeSet;

use ballet::core::Reason;
use serde_json::Value;

use crate::rules::{read, rules};
use crate::scrape::Sample;
use crate::trip::TripBooked;
use crate::watched_world::WatchedWorld;

const RECONNECTS: &str = "ballet_reconnects_total";

/// The families that are named in a text, without what a histogram adds.
fn named(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let words = text.split(|c: char| !is_name(c)).filter(|word| word.starts_with("ballet_"));
    words.map(|word| family(word).to_owned()).collect()
}

fn family(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// Returns the metrics of an expression, each with its labels. The gateway's metrics have tests of their own.
fn selectors(expression: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let mut found = BTreeSet::new();
    let mut rest = expression;
    while let Some(start) = rest.find(is_name) {
        let end = rest[start..].find(|c| !is_name(c)).map_or(rest.len(), |end| start + end);
        let name = &rest[start..end];
        rest = &rest[end..];
        let labels = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let labels = labels.map_or("", |(labels, _)| labels);
        if name == "up" || name.starts_with("ballet_") || name.starts_with("rabbitmq_") {
            found.insert(format!("{name}{{{labels}}}"));
        }
        rest = &rest[labels.len()..];
    }
    found
}

fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let has = |sample: &&Sample| {
        sample.name == name
            && labels.iter().all(|(k, v)| sample.labels.get(*k).is_some_and(|found| found == v))
    };
    samples.iter().find(has).map(|sample| sample.value)
}

#[tokio::test]
async fn every_metric_begins_at_zero() {
    let hotel = WatchedWorld::beside("begins", &["hotel", "cars", "porter", "meter", "dial"]).await;
    // Nothing was sent to it, so nothing has happened but attempts to connect on a busy machine.
    let counters = hotel.first.iter().filter(|sample| sample.name.ends_with("_total"));
    for sample in counters.filter(|sample| sample.name != RECONNECTS) {
        assert!(sample.value.abs() < f64::EPSILON, "{sample:?}");
    }
    for role in ["consume", "publish"] {
        assert!(value(&hotel.first, RECONNECTS, &[("role", role)]).is_some(), "{role}");
    }
    for reason in Reason::ALL {
        let labels = [("reason", reason.code())];
        assert_eq!(
            value(&hotel.first, "ballet_dead_letters_total", &labels),
            Some(0.0),
            "{reason:?}"
        );
    }
    for (name, label, values) in [
        ("ballet_failures_total", "then", &["again", "retry.5s", "retry.30s", "retry.5m"][..]),
        ("ballet_spans_dropped_total", "why", &["queue", "export"]),
        ("ballet_messages_total", "outcome", &["handled", "refused", "nothing", "duplicate"]),
    ] {
        for found in values {
            let begun = value(&hotel.first, name, &[(label, *found)]);
            assert_eq!(begun, Some(0.0), "{name} {found}");
        }
    }

    let mut all = hotel.first;
    for (other, ..) in &hotel.others {
        all.extend(other.scrape().await);
    }
    for outcome in ["answered", "failed", "not_yet"] {
        let labels = [("step", "rent_car"), ("outcome", outcome)];
        assert_eq!(value(&all, "ballet_calls_total", &labels), Some(0.0), "{outcome}");
    }
    let (reader, stream) = (("reader", "beats"), ("stream", "meter.beat.v1.1"));
    let follower = ("reader", "turn_dial");
    for (name, labels) in [
        (
            "ballet_telemetry_published_total",
            &[("type", "meter.beat.v1"), ("outcome", "confirmed")][..],
        ),
        ("ballet_telemetry_read_total", &[reader]),
        ("ballet_telemetry_missed_total", &[reader]),
        ("ballet_telemetry_aside_total", &[reader, ("reason", "reader_failed")]),
        ("ballet_telemetry_lag_messages", &[reader, stream]),
        ("ballet_telemetry_lag_seconds", &[reader, stream]),
        ("ballet_telemetry_follow_lag_messages", &[follower, stream]),
        ("ballet_telemetry_follow_lag_seconds", &[follower, stream]),
    ] {
        assert_eq!(value(&all, name, labels), Some(0.0), "{name}");
        let mut bare = all.iter().filter(|sample| sample.name == name && sample.labels.is_empty());
        assert!(bare.next().is_none(), "{name} has a series without labels");
    }
    let there: BTreeSet<String> =
        all.iter().map(|sample| family(&sample.name).to_owned()).collect();
    // The page names them in quotation marks.
    let page: BTreeSet<String> = read("docs/metrics.md")
        .split('`')
        .flat_map(named)
        .filter(|name| name != "ballet_")
        .collect();
    let missing: Vec<_> = page.difference(&there).collect();
    assert!(missing.is_empty(), "{missing:?} are not there from the start");
}

#[tokio::test]
async fn alarms_and_board_ask_only_for_what_is_there() {
    let hotel = WatchedWorld::beside("asked", &["hotel", "cars", "porter", "meter", "dial"]).await;
    let saga = hotel.world.new_saga();
    hotel.world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    hotel.until_value("sum(ballet_transaction_seconds_count{job=\"hotel\"}) > bool 0", "1").await;
    let board: Value = serde_json::from_str(&read("docs/monitoring/board.json")).expect("JSON");
    let drawn: Vec<String> = board["panels"]
        .as_array()
        .expect("panels")
        .iter()
        .flat_map(|panel| panel["targets"].as_array().expect("targets"))
        .map(|target| target["expr"].as_str().expect("an expression").replace("$job", ".*"))
        .collect();
    let rules = rules();
    let asked = rules.iter().map(|rule| &rule.expression).chain(&drawn);
    for selector in asked.flat_map(|expression| selectors(expression)).collect::<BTreeSet<_>>() {
        hotel.until_value(&format!("count({selector}) > bool 0"), "1").await;
    }
    for expression in &drawn {
        hotel.prometheus.query(expression).await.expect(expression);
    }
    for rule in &rules {
        assert!(["critical", "warning"].contains(&rule.severity.as_str()), "{rule:?}");
        assert!(!rule.summary.is_empty() && !rule.description.is_empty(), "{rule:?}");
    }
    // The dashboard shows each metric that wakes somebody.
    let drawn: BTreeSet<String> = drawn.iter().flat_map(|expression| named(expression)).collect();
    let critical = rules.iter().filter(|rule| rule.severity == "critical");
    let rung: BTreeSet<String> = critical.flat_map(|rule| named(&rule.expression)).collect();
    let not_drawn: Vec<_> = rung.difference(&drawn).collect();
    assert!(
        not_drawn.iter().all(|name| name.ends_with("_missing") || name.ends_with("_total")),
        "{not_drawn:?}"
    );
}

/// Every alarm has a test that brings its cause about.
#[test]
fn every_alarm_is_rung_by_a_test() {
    let tests = [
        "crates/ballet-tests/tests/alarms/rings.rs",
        "crates/ballet-tests/tests/alarms/rings_of_servers.rs",
        "crates/ballet-tests/tests/alarms/rings_of_telemetry.rs",
        "crates/gateway/tests/main/alarms.rs",
    ];
    let tests = tests.map(read).concat();
    for rule in rules() {
        let declared = format!("= \"{}\";", rule.alert);
        let line = tests.lines().find(|line| line.ends_with(&declared));
        let name = line
            .and_then(|line| line.strip_prefix("const "))
            .and_then(|line| line.split(':').next());
        let name = name.unwrap_or_else(|| panic!("{} is in no test", rule.alert));
        assert!(tests.matches(name).count() > 1, "{} is in no test", rule.alert);
    }
}
