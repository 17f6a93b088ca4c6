//! Every metric is there before its first event, and all that names metrics names such.

use std::collections::BTreeSet;

use ballet::core::Reason;
use serde_json::Value;

use crate::rules::{rules, workspace};
use crate::scrape::Sample;
use crate::watched::Watched;

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

fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let has = |sample: &&Sample| {
        sample.name == name
            && labels.iter().all(|(k, v)| sample.labels.get(*k).is_some_and(|found| found == v))
    };
    samples.iter().find(has).map(|sample| sample.value)
}

#[tokio::test]
async fn every_metric_begins_at_zero_and_alarms_and_board_name_no_others() {
    let hotel = Watched::new("begins", "hotel").await;
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
        ("ballet_calls_total", "outcome", &["answered", "failed", "not_yet"]),
        ("ballet_spans_dropped_total", "why", &["queue", "export"]),
        ("ballet_messages_total", "outcome", &["handled", "refused", "nothing", "duplicate"]),
    ] {
        for found in values {
            let begun = value(&hotel.first, name, &[(label, *found)]);
            assert_eq!(begun, Some(0.0), "{name} {found}");
        }
    }

    let porter = Watched::new("begins_too", "porter").await;
    let all = [hotel.first, porter.first].concat();
    let there: BTreeSet<String> =
        all.iter().map(|sample| family(&sample.name).to_owned()).collect();
    let read = |path: &str| std::fs::read_to_string(workspace(path)).expect(path);
    // The page names them in quotation marks.
    let page: BTreeSet<String> = read("docs/metrics.md")
        .split('`')
        .flat_map(named)
        .filter(|name| name != "ballet_")
        .collect();
    let missing: Vec<_> = page.difference(&there).collect();
    assert!(missing.is_empty(), "{missing:?} are not there from the start");

    for rule in rules() {
        assert!(!rule.expression.selects(&all).is_empty(), "{rule:?} is about nothing");
        assert!(["critical", "warning"].contains(&rule.severity.as_str()), "{rule:?}");
        assert!(rule.summary.starts_with("{{ $labels.job }} ") && !rule.description.is_empty());
    }
    let board: Value = serde_json::from_str(&read("docs/monitoring/board.json")).expect("JSON");
    let mut drawn = BTreeSet::new();
    for target in board["panels"]
        .as_array()
        .expect("panels")
        .iter()
        .flat_map(|panel| panel["targets"].as_array().expect("targets"))
    {
        let names = named(target["expr"].as_str().expect("an expression"));
        assert!(!names.is_empty() && names.is_subset(&there), "{target}");
        drawn.extend(names);
    }
    // What somebody is woken for is drawn.
    let rung: BTreeSet<String> = rules()
        .into_iter()
        .filter(|rule| rule.severity == "critical")
        .map(|rule| rule.expression.metric)
        .collect();
    let not_drawn: Vec<_> = rung.difference(&drawn).collect();
    assert!(
        not_drawn.iter().all(|name| name.ends_with("_missing") || name.ends_with("_total")),
        "{not_drawn:?}"
    );
}

/// Every alarm has a test that brings its cause about.
#[test]
fn every_alarm_is_rung_by_a_test() {
    let tests = std::fs::read_to_string(workspace("crates/ballet/tests/alarms/rings.rs"));
    let tests = tests.expect("the tests");
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
