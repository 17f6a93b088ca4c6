//! Telemetry: readers, number of streams, form, and retention.

use super::*;

const BEAT: &str = "orders.beat.v1";

fn with_telemetry(mut services: [Value; 2]) -> [Value; 2] {
    let beat = |fields: &[&str]| {
        let integer = json!({ "type": "integer" });
        let properties: serde_json::Map<_, _> =
            fields.iter().map(|field| ((*field).to_owned(), integer.clone())).collect();
        json!([{ "name": BEAT, "partitions": 4, "kept_days": 7, "kept_bytes": 5_000,
            "schema": { "type": "object", "required": fields, "properties": properties } }])
    };
    services[0]["publishes_telemetry"] = json!([BEAT]);
    services[0]["telemetry"] = beat(&["number", "colour"]);
    services[1]["reads_telemetry"] = json!([{ "name": "beats", "reads": BEAT }]);
    services[1]["telemetry"] = beat(&["number"]);
    services
}

fn difference(change: impl FnOnce(&mut [Value; 2])) -> Vec<ContractChange> {
    let before = with_telemetry(system());
    let mut after = before.clone();
    change(&mut after);
    changes(&contracts(&before), &contracts(&after))
}

fn breaks(change: impl FnOnce(&mut [Value; 2])) -> Vec<Row> {
    rows(difference(change))
}

fn sound_beside(change: impl FnOnce(&mut [Value; 2])) {
    assert_eq!(difference(change), []);
}

#[test]
fn telemetry_that_is_read_must_be_published() {
    let remove = |all: &mut [Value; 2]| {
        all[0]["publishes_telemetry"] = json!([]);
        all[0]["telemetry"] = json!([]);
    };
    assert_eq!(breaks(remove), one("not_published", BEAT, "", "inventory"));
    let both_go = |all: &mut [Value; 2]| {
        remove(all);
        all[1]["reads_telemetry"] = json!([]);
        all[1]["telemetry"] = json!([]);
    };
    sound_beside(both_go);
}

#[test]
fn another_number_of_streams_breaks_who_reads_them() {
    for partitions in [2, 8] {
        let all_agree = |all: &mut [Value; 2]| {
            all.iter_mut().for_each(|one| one["telemetry"][0]["partitions"] = json!(partitions));
        };
        assert_eq!(breaks(all_agree), one("partitions", BEAT, "", "inventory"));
        let one_alone =
            |all: &mut [Value; 2]| all[0]["telemetry"][0]["partitions"] = json!(partitions);
        assert_eq!(breaks(one_alone), one("partitions", BEAT, "", "inventory"));
    }
}

const NEXT_BEAT: &str = "orders.beat.v2";

/// Publishes the next version beside the first, with these readers.
fn next_beat(all: &mut [Value; 2], readers: &Value) {
    all[0]["publishes_telemetry"] = json!([BEAT, NEXT_BEAT]);
    all[1]["reads_telemetry"] = readers.clone();
    for one in all {
        let mut next = one["telemetry"][0].clone();
        next["name"] = json!(NEXT_BEAT);
        one["telemetry"].as_array_mut().expect("a list").push(next);
    }
}

#[test]
fn a_reader_that_moves_on_leaves_what_it_has_not_read() {
    let beats = |reads: &str| json!({ "name": "beats", "reads": reads });
    let read = |readers: Value| move |all: &mut [Value; 2]| next_beat(all, &readers);
    let moved = difference(|all| {
        next_beat(all, &json!([beats(NEXT_BEAT)]));
        all[1]["telemetry"].as_array_mut().expect("a list").remove(0);
    });
    let [change] = &moved[..] else { panic!("{moved:?}") };
    assert_eq!((change.rule, &*change.subject), ("reader", "inventory.beats"));
    assert_eq!(change.breaks, ["inventory"]);
    let follower = json!({ "name": "next_beats", "reads": BEAT, "in_memory": true });
    assert_eq!(breaks(read(json!([beats(NEXT_BEAT), follower]))).len(), 1, "it has no place");
    let beside = json!([beats(BEAT), { "name": "next_beats", "reads": NEXT_BEAT }]);
    sound_beside(read(beside));
    let another = json!([beats(NEXT_BEAT), { "name": "old_beats", "reads": BEAT }]);
    assert_eq!(breaks(read(another)).len(), 1, "it has a place of its own");
}

#[test]
fn a_field_that_a_reader_requires_stays() {
    let found = breaks(|all| drop_field(&mut all[0]["telemetry"][0]["schema"], "number"));
    assert_eq!(found, one("field_removed", BEAT, "number", "inventory"));
    sound_beside(|all| drop_field(&mut all[0]["telemetry"][0]["schema"], "colour"));
    // Messages of an older release stay in the stream for days.
    let found = breaks(|all| {
        for one in all {
            let schema = &mut one["telemetry"][0]["schema"];
            schema["properties"]["size"] = json!({ "type": "integer" });
            require(schema, "size");
        }
    });
    assert_eq!(found, one("field_removed", BEAT, "size", "inventory"));
}

#[test]
fn check_compares_what_a_reader_reads_with_what_is_published() {
    let mut services = with_telemetry(system());
    drop_field(&mut services[0]["telemetry"][0]["schema"], "number");
    let problems = contracts(&services).problems();
    let of_bodies = problems.iter().find(|one| one.detail.contains(BEAT)).expect("a problem");
    assert_eq!(of_bodies.rule.says, "a consumer reads what the publisher writes");
}
