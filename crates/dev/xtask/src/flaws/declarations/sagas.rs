//! Flaws of sagas: their owner, their abort, their deadline.

use serde_json::{Value, json};

use crate::flaws::contracts::texts;
use crate::flaws::declarations::found::{FoundFlaws, like, remove, set, text};

pub(super) fn find(found: &mut FoundFlaws<'_>) {
    let contracts = found.contracts;
    for (service, pointer, part) in contracts.parts() {
        let (saga, abort) = (text(&part["saga"]), part["abort"].as_str());
        let place = format!("{saga} in {service}");
        let field = |name: &str| format!("{pointer}/{name}");
        let edits = [set(service, "/sagas/-", part.clone())];
        found.add("part declared twice", &place, &[saga], edits);
        if part["owner"] != service {
            let edits = [set(service, &field("owner"), service)];
            found.add("two owners of a saga", &place, &[saga], edits);
            if abort.is_some() {
                let edits = [remove(service, &field("abort"))];
                found.add("part without the abort", &place, &[saga], edits);
            }
            continue;
        }
        if let (Some(abort), Some(_)) = (abort, part["deadline"].as_object()) {
            let edits = [remove(service, &field("deadline"))];
            found.add("no deadline", &place, &[saga], edits);
            let edits = [set(service, &field("deadline/passed"), abort)];
            found.add("deadline is the abort", &place, &[saga], edits);
            let edits = [set(service, &field("deadline/after"), "PT87600H")];
            found.add("deadline beyond the ledger", &place, &[saga], edits);
        }
        for (at, refusal) in texts(&part["aborts_on"]).enumerate() {
            refused(found, service, &pointer, (at, refusal), part);
        }
    }
}

fn refused(
    found: &mut FoundFlaws<'_>,
    service: &str,
    pointer: &str,
    (at, refusal): (usize, &str),
    part: &Value,
) {
    let saga = text(&part["saga"]);
    let left_out = remove(service, &format!("{pointer}/aborts_on/{at}"));
    let place = format!("{refusal} in {saga}");
    let names = [refusal, saga];
    found.add("refusal not mapped to the abort", &place, &names, [left_out.clone()]);
    let origin = text(&part["steps"][0]["done"]);
    let noted = format!("{service}.refusal_noted.v1");
    let step =
        json!({ "name": "note_refusal", "kind": "compensatable", "on": [refusal], "done": noted });
    let edits = [set(service, &format!("{pointer}/steps/-"), step)]
        .into_iter()
        .chain(like(found, service, origin, &noted))
        .chain([left_out]);
    found.add("refusal noted, and no abort", &place, &names, edits);
}
