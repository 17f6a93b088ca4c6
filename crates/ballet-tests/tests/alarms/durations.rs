//! How long each cause lasts before its alarm rings, as shipped: `promtool` evaluates the rules on made-up series,
//! for which no time passes.

use std::process::Command;

use serde_json::{Value, json};

use crate::rules::{rules, workspace};

/// An alarm, after how many minutes of its cause it rings, and the series of the cause, which begins at minute 10.
/// A series has a value each 15 seconds.
type Case = (&'static str, u32, &'static [(&'static str, &'static str)]);

/// A gauge that leaves its good value, and one that stays as it is.
const RISES: &str = "0x39 1x200";
const FALLS: &str = "1x39 0x200";
const GROWS: &str = "0x39 301x200";

const CASES: &[Case] = &[
    ("BalletBrokerAway", 1, &[("ballet_connected{job='a',role='publish'}", FALLS)]),
    ("BalletServiceDown", 1, &[("up{job='a',instance='1'}", FALLS)]),
    (
        "BalletQueueUnread",
        1,
        &[
            ("rabbitmq_detailed_queue_consumers{queue='a'}", FALLS),
            ("rabbitmq_detailed_queue_consumers{queue='a.dead'}", "0x239"),
        ],
    ),
    ("BalletJournalGone", 0, &[("ballet_queue_differs{queue='journal'}", RISES)]),
    ("BalletQueueDiffers", 0, &[("ballet_queue_differs{queue='a'}", RISES)]),
    ("BalletBindingMissing", 0, &[("ballet_binding_missing{to='a'}", RISES)]),
    ("BalletEventsUnrouted", 0, &[("rabbitmq_detailed_queue_messages{queue='unrouted'}", RISES)]),
    ("BalletUpstreamAway", 1, &[("gateway_breaker_open{upstream='a'}", RISES)]),
    ("BalletGatewayDatabaseAway", 1, &[("gateway_database_away{job='gateway'}", RISES)]),
    (
        "BalletConsumingStopped",
        1,
        &[
            ("ballet_connected{job='a',role='consume'}", FALLS),
            ("ballet_connected{job='a',role='publish'}", "1x239"),
        ],
    ),
    (
        "BalletPublishingStopped",
        1,
        &[
            ("ballet_connected{job='a',role='publish'}", FALLS),
            ("ballet_connected{job='b',role='publish'}", "1x239"),
        ],
    ),
    ("BalletNotReady", 1, &[("ballet_ready{job='a'}", FALLS)]),
    (
        "BalletNotReady",
        1,
        &[
            ("ballet_ready{job='a'}", FALLS),
            ("ballet_connected{job='a',role='publish_telemetry'}", "0x239"),
        ],
    ),
    ("BalletNotReady", 1, &[("gateway_ready{job='gateway'}", FALLS)]),
    ("BalletEventsReturned", 0, &[("ballet_returned_total{job='a'}", RISES)]),
    ("BalletPublishingHeld", 1, &[("ballet_publish_held{job='a',role='publish'}", RISES)]),
    (
        "BalletTelemetryNotTaken",
        1,
        &[
            (
                "ballet_telemetry_published_total{job='a',type='b',outcome='unconfirmed'}",
                "0x39 1+1x200",
            ),
            ("ballet_telemetry_published_total{job='a',type='b',outcome='confirmed'}", "7x239"),
            ("ballet_telemetry_published_total{job='a',type='c',outcome='confirmed'}", "0+1x239"),
        ],
    ),
    ("BalletOutboxOld", 1, &[("ballet_outbox_oldest_seconds{job='a'}", GROWS)]),
    ("BalletMessagesStandStill", 0, &[("ballet_unsettled_oldest_seconds{job='a'}", GROWS)]),
    ("BalletClockDifference", 1, &[("ballet_clock_difference_seconds{job='a'}", "0x39 -61x200")]),
    ("BalletDeadLetters", 0, &[("ballet_dead_queue_messages{job='a'}", RISES)]),
    ("BalletSagasStuck", 0, &[("ballet_sagas_stuck{job='a',tried_again='no'}", RISES)]),
    ("BalletUnpublishableEvents", 0, &[("ballet_outbox_dead{job='a'}", RISES)]),
    (
        "BalletProviderAway",
        5,
        &[
            ("ballet_calls_total{job='a',step='b',outcome='failed'}", "0x39 1+1x200"),
            ("ballet_calls_total{job='a',step='b',outcome='answered'}", "0+5x39 200x200"),
        ],
    ),
    (
        "BalletProcessDown",
        5,
        &[("up{job='a',instance='1'}", FALLS), ("up{job='a',instance='2'}", "1x239")],
    ),
    (
        "BalletBindingsNotCompared",
        10,
        &[
            ("ballet_bindings_compared{job='a'}", FALLS),
            ("ballet_connected{job='a',role='publish'}", "1x239"),
        ],
    ),
    ("BalletKeysOld", 0, &[("gateway_keys_old{job='gateway'}", RISES)]),
    ("BalletQueueBehind", 5, &[("ballet_queue_behind_seconds{job='a'}", GROWS)]),
    (
        "BalletTelemetryBehind",
        5,
        &[("ballet_telemetry_lag_seconds{job='a',reader='b',stream='c'}", GROWS)],
    ),
    (
        "BalletTelemetryNotFollowed",
        1,
        &[(
            "ballet_telemetry_follow_lag_seconds{job='a',instance='1',reader='b',stream='c'}",
            GROWS,
        )],
    ),
    ("BalletTelemetryMissed", 0, &[("ballet_telemetry_missed_total{job='a',reader='b'}", RISES)]),
    ("BalletSagasFailing", 10, &[("ballet_sagas_stuck{job='a',tried_again='yes'}", RISES)]),
    ("BalletIdsReused", 0, &[("ballet_reused_ids_total{job='a'}", RISES)]),
    ("BalletCopyEmpty", 15, &[("ballet_copy_filled{job='a',entity='b'}", FALLS)]),
    ("BalletCopiesOfMessagesUnsent", 15, &[("ballet_copies_unsent{job='a'}", RISES)]),
];

const BEGINS: u32 = 10 * 60;
/// Two scrapes and two evaluations.
const SLACK: u32 = 60;

fn test_of(&(alarm, minutes, series): &Case) -> Value {
    let rings_at = BEGINS + 60 * minutes;
    let expression =
        format!("count(ALERTS{{alertname='{alarm}',alertstate='firing'}}) or vector(0)");
    let at = |seconds: u32, firing: u32| {
        json!({
            "expr": expression, "eval_time": format!("{seconds}s"),
            "exp_samples": [{ "labels": "{}", "value": firing }],
        })
    };
    let others = format!("count(ALERTS{{alertname!='{alarm}',alertstate='firing'}}) or vector(0)");
    json!({
        "interval": "15s",
        "input_series": series.iter()
            .map(|(series, values)| json!({ "series": series, "values": values }))
            .collect::<Vec<_>>(),
        "promql_expr_test": [
            at(rings_at - 15, 0),
            at(rings_at + SLACK, 1),
            { "expr": others, "eval_time": format!("{}s", rings_at + SLACK),
              "exp_samples": [{ "labels": "{}", "value": 0 }] },
        ],
    })
}

#[tokio::test]
async fn every_alarm_rings_after_its_time_and_not_before() {
    let told: Vec<_> = rules().iter().map(|rule| rule.alert.clone()).collect();
    let mut tried: Vec<_> = CASES.iter().map(|(alarm, ..)| (*alarm).to_owned()).collect();
    tried.dedup();
    assert_eq!(told, tried, "each has a case");
    hold("each", CASES.iter().map(test_of).collect()).await;
}

#[tokio::test]
async fn a_provider_that_is_away_rings_without_a_break_while_its_calls_wait_at_their_longest_pause()
{
    // An attempt every five minutes.
    let attempts: Vec<String> = (0..8).map(|number| format!("{number}x20")).collect();
    let firing = "count(ALERTS{alertname='BalletProviderAway',alertstate='firing'}) or vector(0)";
    let rings = |minute: u32| {
        json!({
            "expr": firing, "eval_time": format!("{minute}m"),
            "exp_samples": [{ "labels": "{}", "value": 1 }],
        })
    };
    hold(
        "break",
        vec![json!({
            "interval": "15s",
            "input_series": [{
                "series": "ballet_calls_total{job='a',step='b',outcome='failed'}",
                "values": attempts.join(" "),
            }],
            "promql_expr_test": (10..40).map(rings).collect::<Vec<_>>(),
        })],
    )
    .await;
}

#[tokio::test]
async fn a_provider_that_was_away_rings_once_also_if_nobody_calls_it_after_its_first_answers() {
    let firing = "count(ALERTS{alertname='BalletProviderAway',alertstate='firing'}) or vector(0)";
    let is = |minute: u32, firing_now: u32| {
        json!({
            "expr": firing, "eval_time": format!("{minute}m"),
            "exp_samples": [{ "labels": "{}", "value": firing_now }],
        })
    };
    // It fails for 20 minutes, then answers all that waited, and is asked no more.
    let series = |outcome: &str, values: &str| {
        let series = format!("ballet_calls_total{{job='a',step='b',outcome='{outcome}'}}");
        json!({ "series": series, "values": values })
    };
    hold("once", vec![json!({
        "interval": "15s",
        "input_series": [series("failed", "0+1x80 80x120"), series("answered", "0x80 9x120")],
        "promql_expr_test":
            (8..20).map(|minute| is(minute, 1)).chain((21..45).map(|minute| is(minute, 0))).collect::<Vec<_>>(),
    })])
    .await;
}

/// Has `promtool` judge the shipped rules by these tests.
async fn hold(name: &str, tests: Vec<Value>) {
    let name = format!("ballet-alarms-{}-{name}.yml", std::process::id());
    let tests = json!({
        "rule_files": [workspace("docs/monitoring/alarms.yml")],
        "evaluation_interval": "15s",
        "tests": tests,
    });
    let path = std::env::temp_dir().join(name);
    // YAML has JSON in it.
    std::fs::write(&path, tests.to_string()).expect("written");
    let promtool = ballet_stage::prometheus().await.expect("a Prometheus").join("promtool");
    let output = Command::new(&promtool).args(["test", "rules"]).arg(&path).output();
    let output = output.expect("a command");
    std::fs::remove_file(&path).expect("removed");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
}

/// The configuration that the page tells an operator to load is valid.
#[tokio::test]
async fn the_configuration_that_is_shipped_is_valid() {
    let promtool = ballet_stage::prometheus().await.expect("a Prometheus").join("promtool");
    let file = workspace("docs/monitoring/prometheus.yml");
    let output = Command::new(&promtool).args(["check", "config"]).arg(&file).output();
    let output = output.expect("a command");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
}
