//! A Grafana board of the metrics behind the alarms, and of those that explain them.

use serde_json::{Value, json};

/// A panel of the board.
struct Panel {
    title: &'static str,
    /// The unit, by its name in Grafana.
    unit: &'static str,
    /// The expression and the legend of each line. `JOB` stands for the chosen services.
    lines: &'static [(&'static str, &'static str)],
}

const PANELS: &[Panel] = &[
    Panel {
        title: "Processes that answer",
        unit: "short",
        lines: &[("sum by (job) (up{JOB})", "{{job}}")],
    },
    Panel {
        title: "Ready (1) or not (0)",
        unit: "short",
        lines: &[("min by (job) (ballet_ready{JOB} or gateway_ready{JOB})", "{{job}}")],
    },
    Panel {
        title: "Waits for a person",
        unit: "short",
        lines: &[
            ("max by (job) (ballet_dead_queue_messages{JOB})", "{{job}}: dead letters"),
            ("max by (job) (ballet_sagas_stuck{JOB, tried_again=\"no\"})", "{{job}}: sagas stuck"),
            ("max by (job) (ballet_outbox_dead{JOB})", "{{job}}: unpublishable events"),
            ("sum by (job) (ballet_queue_differs{JOB})", "{{job}}: queues that differ"),
        ],
    },
    Panel {
        title: "Fails and is tried again",
        unit: "short",
        lines: &[
            ("max by (job) (ballet_sagas_stuck{JOB, tried_again=\"yes\"})", "{{job}}: sagas"),
            ("max by (job) (ballet_calls_open{JOB})", "{{job}}: open calls"),
        ],
    },
    Panel {
        title: "Connected to the broker (1) or not (0)",
        unit: "short",
        lines: &[("ballet_connected{JOB}", "{{job}} {{instance}}: {{role}}")],
    },
    Panel {
        title: "Messages per second",
        unit: "ops",
        lines: &[(
            "sum by (job, outcome) (rate(ballet_messages_total{JOB}[1m]))",
            "{{job}}: {{outcome}}",
        )],
    },
    Panel {
        title: "Messages in the queue",
        unit: "short",
        lines: &[("max by (job) (ballet_queue_messages{JOB})", "{{job}}")],
    },
    Panel {
        title: "Behind",
        unit: "s",
        lines: &[
            ("max by (job) (ballet_queue_behind_seconds{JOB})", "{{job}}: its queue"),
            ("max by (job) (ballet_unsettled_oldest_seconds{JOB})", "{{job}}: its oldest message"),
        ],
    },
    Panel {
        title: "From publish to commit (99 %)",
        unit: "s",
        lines: &[(
            "histogram_quantile(0.99, sum by (job, le) \
             (rate(ballet_publish_to_commit_seconds_bucket{JOB}[5m])))",
            "{{job}}",
        )],
    },
    Panel {
        title: "Transactions (99 %)",
        unit: "s",
        lines: &[(
            "histogram_quantile(0.99, sum by (job, le) \
             (rate(ballet_transaction_seconds_bucket{JOB}[5m])))",
            "{{job}}",
        )],
    },
    Panel {
        title: "Failures per minute",
        unit: "short",
        lines: &[
            (
                "sum by (job, then) (60 * rate(ballet_failures_total{JOB}[5m]))",
                "{{job}}: tried again, {{then}}",
            ),
            (
                "sum by (job, reason) (60 * rate(ballet_dead_letters_total{JOB}[5m])) > 0",
                "{{job}}: dead, {{reason}}",
            ),
        ],
    },
    Panel {
        title: "Events that are not published",
        unit: "short",
        lines: &[
            ("sum by (job) (ballet_outbox_unpublished{JOB})", "{{job}}"),
            ("sum by (job, role) (ballet_publish_held{JOB})", "{{job}} {{role}}: held"),
        ],
    },
    Panel {
        title: "Age of the oldest of them",
        unit: "s",
        lines: &[("max by (job) (ballet_outbox_oldest_seconds{JOB})", "{{job}}")],
    },
    Panel {
        title: "Calls to the outside per minute",
        unit: "short",
        lines: &[(
            "sum by (job, step, outcome) (60 * rate(ballet_calls_total{JOB}[5m]))",
            "{{job}}: {{step}} {{outcome}}",
        )],
    },
    Panel {
        title: "Clock, ahead of the database's",
        unit: "s",
        lines: &[("ballet_clock_difference_seconds{JOB}", "{{job}} {{instance}}")],
    },
    Panel {
        title: "Broker: readers of queues, and events that no service takes",
        unit: "short",
        lines: &[
            ("max by (queue) (rabbitmq_detailed_queue_consumers{queue=~\"$job\"})", "{{queue}}"),
            (
                "max by (queue) (rabbitmq_detailed_queue_messages{queue=\"unrouted\"})",
                "events that no service takes",
            ),
        ],
    },
    Panel {
        title: "Broker: memory, of what it may take",
        unit: "percentunit",
        lines: &[(
            "rabbitmq_detailed_process_resident_memory_bytes \
             / rabbitmq_detailed_resident_memory_limit_bytes",
            "{{instance}}",
        )],
    },
    Panel {
        title: "Broker: free disk",
        unit: "bytes",
        lines: &[
            ("rabbitmq_detailed_disk_space_available_bytes", "{{instance}}"),
            ("rabbitmq_detailed_disk_space_available_limit_bytes", "{{instance}}: its limit"),
        ],
    },
    Panel {
        title: "Gateway: answers per second",
        unit: "ops",
        lines: &[("sum by (status) (rate(gateway_requests_total[1m]))", "{{status}}")],
    },
    Panel {
        title: "Gateway: time to the answer (99 %)",
        unit: "s",
        lines: &[(
            "histogram_quantile(0.99, sum by (route, le) \
             (rate(gateway_request_seconds_bucket[5m])))",
            "{{route}}",
        )],
    },
    Panel {
        title: "Gateway: services and a database that it does not reach",
        unit: "short",
        lines: &[
            ("max by (upstream) (gateway_breaker_open)", "{{upstream}}"),
            ("max by (job) (gateway_database_away)", "{{job}}: its database"),
        ],
    },
];

const COLUMNS: usize = 3;
const WIDTH: usize = 24 / COLUMNS;
const HEIGHT: usize = 8;

/// Returns the board in Grafana's import format.
#[must_use]
pub fn board() -> String {
    let panels: Vec<Value> = PANELS.iter().enumerate().map(|(at, it)| panel(at, it)).collect();
    let source = source();
    let board = json!({
        "title": "ballet",
        "uid": "ballet",
        "schemaVersion": 36,
        "time": { "from": "now-1h", "to": "now" },
        "refresh": "30s",
        "templating": { "list": [
            { "name": "datasource", "label": "Prometheus", "type": "datasource",
              "query": "prometheus" },
            { "name": "job", "label": "Service", "type": "query", "datasource": source,
              "query": { "query": "label_values(up, job)", "refId": "job" },
              "multi": true, "includeAll": true, "allValue": ".*", "refresh": 2, "sort": 1 },
        ]},
        "panels": panels,
    });
    format!("{board:#}\n")
}

fn source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn panel(at: usize, panel: &Panel) -> Value {
    let Panel { title, unit, lines } = panel;
    let targets = ('A'..).zip(*lines).map(|(id, (expression, legend))| {
        json!({
            "refId": id, "expr": expression.replace("JOB", "job=~\"$job\""),
            "legendFormat": legend, "datasource": source(),
        })
    });
    json!({
        "id": at + 1,
        "type": "timeseries",
        "title": title,
        "datasource": source(),
        "gridPos": {
            "x": at % COLUMNS * WIDTH, "y": at / COLUMNS * HEIGHT, "w": WIDTH, "h": HEIGHT,
        },
        "fieldConfig": { "defaults": { "unit": unit }, "overrides": [] },
        "targets": targets.collect::<Vec<_>>(),
    })
}
