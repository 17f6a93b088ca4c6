//! Flaws of steps.

use serde_json::{Value, json};

use crate::flaws::contracts::{StepAt, items, texts};
use crate::flaws::declarations::found::{FoundFlaws, like, merged, remove, rename, set, text};

pub(super) fn find(found: &mut FoundFlaws<'_>) {
    let contracts = found.contracts;
    for at in contracts.steps() {
        let (name, done) = (text(&at.step["name"]), text(&at.step["done"]));
        let place = format!("{}.{name}", at.service);
        let pointer = |field: &str| format!("{}/{field}", at.pointer);
        let waits = at.on().next().is_some();
        found.add("step left out", &place, &[name, done], [remove(at.service, &at.pointer)]);
        let mut twice = vec![set(at.service, &format!("{}/steps/-", at.part), at.step.clone())];
        found.add("two steps of one name", &place, &[name], twice.clone());
        if at.is(&["origin"]) && waits {
            let second = json!({ "name": format!("{name}_too") });
            twice[0] = set(at.service, &format!("{}/steps/-", at.part), merged(at.step, &second));
            found.add("two steps begin one saga", &place, &[name], twice);
        }
        if at.is(&["compensatable", "pivot"]) {
            let kind = [set(at.service, &pointer("kind"), "retriable")];
            let undo = at.step["compensated"].is_string();
            let undo = undo.then(|| remove(at.service, &pointer("compensated")));
            let edits = kind.into_iter().chain(undo);
            found.add("no compensation before the decision", &place, &[name], edits);
        }
        if at.is(&["compensatable"]) && at.saga["owner"] != at.service {
            let edits = [set(at.service, &pointer("kind"), "decision")];
            found.add("another service decides", &place, &[name, at.service], edits);
        }
        if at.is(&["decision"]) {
            let edits = [set(at.service, &pointer("kind"), "retriable")];
            found.add("decision not recorded", &place, &[name, text(&at.saga["saga"])], edits);
        }
        if at.is(&["retriable"]) && at.step["refused"].is_null() {
            let refused = format!("{}.{name}_refused.v1", at.service);
            let edits = [set(at.service, &pointer("refused"), refused.as_str())]
                .into_iter()
                .chain(like(found, at.service, done, &refused));
            found.add("refusal after the decision", &place, &[name, &refused], edits);
        }
        if at.step["refused"].is_string() {
            let edits = [set(at.service, &pointer("refused"), done)];
            found.add("one event for done and refused", &place, &[name, done], edits);
        }
        if waits {
            waiting(found, &at, &place, name, done);
        }
        if at.step["compensated"].is_string() {
            renamed_undo(found, &at, done);
        }
    }
}

fn waiting(found: &mut FoundFlaws<'_>, at: &StepAt<'_>, place: &str, name: &str, done: &str) {
    let contracts = found.contracts;
    let on = format!("{}/on", at.pointer);
    let next = format!("{on}/-");
    found.add("step waits for itself", place, &[name], [set(at.service, &next, done)]);
    for trigger in at.on() {
        let place = format!("{place} on {trigger}");
        let edits = [set(at.service, &next, trigger)];
        found.add("join of one event", &place, &[name], edits);
        let misspelt = trigger.replace(".v1", "s.v1");
        // One that comes from outside too may be any.
        let comes_from_outside = contracts
            .events()
            .any(|(_, name, _, lines)| name == trigger && lines["also_from"].is_array());
        if !trigger.starts_with(at.service) && !comes_from_outside {
            let edits = [rename(at.service, trigger, &misspelt)];
            found.add("trigger misspelt", &place, &[&misspelt], edits);
        }
    }
    if let Some(abort) = at.saga["abort"].as_str() {
        let edits = [set(at.service, &on, json!([abort]))];
        found.add("step waits for the abort", place, &[name], edits);
        let edits = [set(at.service, &format!("{}/done", at.pointer), abort)];
        found.add("abort as an outcome", place, &[name, abort], edits);
    }
    let of_saga = contracts.steps().filter(|other| other.saga["saga"] == at.saga["saga"]);
    for other in of_saga.filter(|other| other.step["name"] != *name) {
        let Some(refused) = other.step["refused"].as_str() else { continue };
        if at.is(&["retriable", "compensatable"]) && !at.on().any(|on| on == refused) {
            let edits = [set(at.service, &next, refused)]
                .into_iter()
                .chain(contracts.know(at.service, refused));
            let place = format!("{place} and {refused}");
            found.add("join waits for a refusal", place, &[name, refused], edits);
        }
    }
    let deadline = contracts
        .parts()
        .find(|(_, _, part)| part["saga"] == at.saga["saga"] && part["deadline"].is_object());
    if let Some((owner, ..)) = deadline
        && at.is(&["compensatable"])
        && !items(&contracts.services[owner]["exceptions"]).any(|it| it["rule"] == "B066")
    {
        let edits = [set(at.service, &format!("{}/retried_for", at.pointer), "PT48H")];
        found.add("retries beyond the deadline", place, &[name], edits);
    }
    let aborting = contracts.parts().flat_map(|(_, _, part)| {
        texts(&part["aborts_on"]).filter(|_| part["saga"] == at.saga["saga"])
    });
    for refusal in aborting.filter(|_| at.is(&["compensatable"])) {
        let second = format!("{}.{name}_otherwise.v1", at.service);
        let otherwise = json!({ "name": format!("{name}_otherwise"), "kind": at.step["kind"],
            "on": [refusal], "done": second });
        let edits = [set(at.service, &format!("{}/steps/-", at.part), otherwise)]
            .into_iter()
            .chain(contracts.know(at.service, refusal))
            .chain(like(found, at.service, done, &second));
        found.add("two answers to a refusal", format!("{place} on {refusal}"), &[refusal], edits);
    }
}

/// The step's undo reads the step's event from the ledger, where older rows have the old name.
fn renamed_undo(found: &mut FoundFlaws<'_>, at: &StepAt<'_>, done: &str) {
    let mut events = found.contracts.events();
    let Some((.., pointer, lines)) =
        events.find(|(of, name, ..)| *of == at.service && *name == done)
    else {
        return;
    };
    let is_key = |field: &&str| items(&lines["keys"]).any(|key| key["field"] == **field);
    let mut fields = texts(&lines["schema"]["required"]).filter(|field| !is_key(field));
    let Some(field) = fields.next() else { return };
    let schema = lines["schema"].to_string();
    let quoted = |name: &str| format!("\"{name}\"");
    let schema = schema.replace(&quoted(field), &quoted(&format!("{field}_new")));
    let schema: Value = serde_json::from_str(&schema).unwrap_or_default();
    let edits = [set(at.service, &format!("{pointer}/schema"), schema)];
    found.add("field renamed in what an undo reads", format!("{field} of {done}"), &[done], edits);
    if let Some(flaw) = found.all.last_mut() {
        flaw.is_change = true;
    }
}
