//! The broker's objects for telemetry: one exchange, and a stream for each partition of each type.
//!
//! A service may write only routing keys of its own types, and read only the streams that its readers read.
//! A system without telemetry has none of these objects.

use serde_json::{Value, json};

use crate::events::telemetry::TelemetryType;
use crate::parts::part::{Part, System};
use crate::topology::names::{TELEMETRY, telemetry_streams};

pub(crate) fn exchange(vhost: &str, types: &[TelemetryType]) -> Option<Value> {
    (!types.is_empty()).then(|| {
        json!({"name": TELEMETRY, "vhost": vhost, "type": "topic", "durable": true,
            "auto_delete": false, "internal": false, "arguments": {}})
    })
}

pub(crate) fn streams(vhost: &str, types: &[TelemetryType]) -> Vec<Value> {
    let stream = |name: String| {
        json!({"name": name, "vhost": vhost, "durable": true,
            "auto_delete": false, "arguments": {"x-queue-type": "stream"}})
    };
    types.iter().flat_map(|one| telemetry_streams(*one)).map(|(name, _)| stream(name)).collect()
}

/// How much of each type is kept may change over time, so it is a policy.
pub(crate) fn policies(vhost: &str, types: &[TelemetryType]) -> Vec<Value> {
    let policy = |one: &TelemetryType| {
        json!({"vhost": vhost, "name": format!("{TELEMETRY}.{one}"),
            "pattern": format!(r"^telemetry\.{}\.", escaped(one.name())), "apply-to": "queues",
            "priority": 1,
            "definition": {"max-age": format!("{}D", one.days()), "max-length-bytes": one.bytes()}})
    };
    types.iter().map(policy).collect()
}

/// The right to write the routing keys of the service's own types.
pub(crate) fn topic_permission(vhost: &str, part: &Part) -> Option<Value> {
    let names: Vec<String> = part.telemetry.iter().map(|one| escaped(one.name())).collect();
    (!names.is_empty()).then(|| {
        json!({"user": part.service, "vhost": vhost, "exchange": TELEMETRY,
            "write": format!(r"^({})\.[0-9]+$", names.join("|")), "read": "^$"})
    })
}

pub(crate) fn read_by(part: &Part) -> Option<String> {
    let mut names: Vec<String> =
        part.readers.iter().map(|reader| escaped(reader.reads.name())).collect();
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| format!(r"telemetry\.({})\.[0-9]+", names.join("|")))
}

/// The patterns of what the tool for the topology makes.
pub(crate) fn configured(system: &System) -> Option<String> {
    (!system.telemetry().is_empty()).then(|| r"telemetry(\..+)?".to_owned())
}

fn escaped(name: &str) -> String {
    name.replace('.', r"\.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::part::ReaderPart;
    use crate::topology::definitions;

    #[test]
    fn a_service_writes_its_own_telemetry_and_reads_what_its_readers_read() {
        let beat = TelemetryType::new("playback.heartbeat.v1").partitions(2).kept_days(3);
        let playback = Part { service: "playback", telemetry: vec![beat], ..Part::default() };
        let reader = ReaderPart { name: "minutes", reads: beat, in_memory: false };
        let analytics = Part { service: "analytics", readers: vec![reader], ..Part::default() };
        let system = System { name: "streaming", parts: vec![playback, analytics] };
        let document = definitions(&system, |_| String::new());
        let find = |section: &str, field: &str, value: &str| {
            let all = document[section].as_array().expect("a list");
            all.iter().find(|one| one[field] == value).cloned().unwrap_or_default()
        };
        assert_eq!(
            find("permissions", "user", "analytics")["read"],
            r"^(analytics(\.dead)?|telemetry\.(playback\.heartbeat\.v1)\.[0-9]+)$"
        );
        assert_eq!(
            find("permissions", "user", "playback")["write"],
            r"^(events|dead|retry\.(5s|30s|5m)|telemetry)$"
        );
        assert_eq!(
            find("topic_permissions", "exchange", "telemetry")["write"],
            r"^(playback\.heartbeat\.v1)\.[0-9]+$"
        );
        let stream = "telemetry.playback.heartbeat.v1.1";
        assert_eq!(find("queues", "name", stream)["arguments"]["x-queue-type"], "stream");
        assert_eq!(
            find("bindings", "destination", stream)["routing_key"],
            "playback.heartbeat.v1.1"
        );
        let policy = find("policies", "name", "telemetry.playback.heartbeat.v1");
        assert_eq!(policy["definition"]["max-age"], "3D");
    }
}
