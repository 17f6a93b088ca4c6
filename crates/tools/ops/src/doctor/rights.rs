//! Checks that the broker's users have exactly the rights that the declarations give them.

use ballet_core::{Cause, System, contract, topology};
use serde_json::Value;

use crate::standing::finding::Finding;

const RIGHTS: [&str; 3] = ["configure", "write", "read"];

pub(super) fn judge(
    system: &System,
    vhost: &str,
    permissions: &Value,
    topics: &Value,
    users: &Value,
) -> Vec<Finding> {
    let here = contract::system(vhost, system.parts.clone());
    let wanted = topology::definitions(&here, |_| String::new());
    let services = system.parts.iter().map(|part| part.service);
    let producers = system.foreign_producers().into_iter().map(|(producer, _)| producer);
    // A system may have its tools under other names.
    let has_rights = |user: &&str| list(permissions).any(|entry| entry["user"] == *user);
    let tools = [topology::TAP, topology::REDRIVE].into_iter().filter(has_rights);
    let declared = services.chain(producers).chain(tools);
    let declared = declared.map(|user| of_user(user, &wanted, permissions, topics));
    let strangers = list(permissions).filter(|entry| is_strange(entry, &wanted, users));
    declared.chain(strangers.map(|entry| of_stranger(entry, vhost, topics))).collect()
}

/// Whether an undeclared user has rights here, for instance of a removed service.
fn is_strange(entry: &Value, wanted: &Value, users: &Value) -> bool {
    let may_nothing = RIGHTS.iter().all(|right| entry[right] == "^$" || entry[right] == "");
    let is_declared = list(&wanted["permissions"]).any(|other| other["user"] == entry["user"]);
    // An administrator can take any right.
    let is_administrator = list(users).filter(|user| user["name"] == entry["user"]).any(|user| {
        let mut tags = list(&user["tags"]);
        tags.any(|tag| tag == "administrator")
    });
    let is_tool = list(&wanted["permissions"]).any(|other| {
        let tools = [topology::TAP, topology::REDRIVE, topology::TOPOLOGY];
        let mut rights = RIGHTS.iter();
        tools.iter().any(|tool| other["user"] == *tool)
            && rights.all(|right| entry[right] == other[right])
    });
    !(may_nothing || is_declared || is_administrator || is_tool)
}

fn of_stranger(entry: &Value, vhost: &str, topics: &Value) -> Finding {
    let user = entry["user"].as_str().unwrap_or_default();
    let is_limited = list(topics)
        .any(|topic| topic["user"] == entry["user"] && topic["exchange"] == topology::EVENTS);
    let unlimited = if is_limited { "" } else { ", without limits of routing keys at events" };
    let rights = RIGHTS.map(|right| format!("{right} {}", entry[right])).join(", ");
    let found = format!("nobody declares the user {user}, and it may {rights}{unlimited}");
    let advice = format!(
        "if it belongs to nobody: rabbitmqctl clear_permissions -p {vhost} {user}; else declare it, \
         as a service or a producer"
    );
    Finding::bad(Cause::Rights, user, &found, &advice)
}

fn of_user(user: &str, wanted: &Value, permissions: &Value, topics: &Value) -> Finding {
    let advice = format!(
        "give the user {user} what `ballet topology definitions` has for it, with rabbitmqctl \
         set_permissions and set_topic_permissions"
    );
    let mut wrong = Vec::new();
    for (section, found, place) in
        [("permissions", permissions, None), ("topic_permissions", topics, Some("exchange"))]
    {
        for entry in list(&wanted[section]).filter(|entry| entry["user"] == user) {
            let is_same = |other: &&Value| {
                other["user"] == user && place.is_none_or(|place| other[place] == entry[place])
            };
            let at = place.and_then(|place| entry[place].as_str());
            let at = at.map_or(String::new(), |exchange| format!(" at {exchange}"));
            match list(found).find(is_same) {
                None if place.is_none() => {
                    let found = format!("the user {user} has no rights here, or does not exist");
                    return Finding::bad(Cause::Rights, user, &found, &advice);
                }
                None => wrong.push(format!("no limits of routing keys{at}")),
                Some(found) => {
                    for right in RIGHTS {
                        if entry.get(right) != found.get(right) {
                            let is = found[right].as_str().unwrap_or_default();
                            let should = entry[right].as_str().unwrap_or_default();
                            wrong.push(format!("{right}{at} is {is:?} and should be {should:?}"));
                        }
                    }
                }
            }
        }
    }
    if wrong.is_empty() {
        Finding::well(Cause::Rights, user, "as declared")
    } else {
        Finding::bad(Cause::Rights, user, &wrong.join("; "), &advice)
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use ballet_core::Part;
    use serde_json::json;

    use super::*;
    use crate::standing::finding::FindingState;

    #[test]
    fn a_right_that_is_missing_or_too_wide_is_named() {
        let system =
            System { name: "shop", parts: vec![Part { service: "orders", ..Part::default() }] };
        let wanted = topology::definitions(&system, |_| String::new());
        let asked = |permissions: &Value, topics: &Value| {
            judge(&system, "shop", permissions, topics, &json!([])).remove(0)
        };
        let (permissions, topics) = (&wanted["permissions"], &wanted["topic_permissions"]);
        assert_eq!(asked(permissions, topics).state, FindingState::Well);
        let nobody = asked(&json!([]), topics);
        assert_eq!(nobody.state, FindingState::Bad);
        assert!(nobody.found.contains("has no rights here"), "{nobody:?}");
        let mut earlier = permissions.clone();
        for entry in earlier.as_array_mut().expect("a list") {
            if entry["user"] == "tap" {
                entry["configure"] = json!(r"^tap\.");
            }
        }
        let of_tap = judge(&system, "shop", &earlier, topics, &json!([])).into_iter();
        let of_tap: Vec<_> = of_tap.filter(|finding| finding.state == FindingState::Bad).collect();
        assert_eq!(
            (of_tap.len(), &*of_tap[0].subject),
            (1, "tap"),
            "an earlier release's: {of_tap:?}"
        );
        let mut wide = permissions.clone();
        for entry in wide.as_array_mut().expect("a list") {
            entry["configure"] = json!(".*");
        }
        let wide = asked(&wide, topics);
        assert_eq!(wide.found, "configure is \".*\" and should be \"^$\"");
        let unlimited = asked(permissions, &json!([]));
        assert_eq!(unlimited.state, FindingState::Bad);
        assert!(unlimited.found.contains("no limits of routing keys at events"), "{unlimited:?}");
    }

    #[test]
    fn a_user_that_nobody_declares_is_named_if_it_may_do_anything() {
        let system =
            System { name: "shop", parts: vec![Part { service: "orders", ..Part::default() }] };
        let wanted = topology::definitions(&system, |_| String::new());
        let mut permissions = wanted["permissions"].clone();
        let entries = permissions.as_array_mut().expect("a list");
        let mut on_call =
            entries.iter().find(|entry| entry["user"] == "redrive").expect("it").clone();
        on_call["user"] = json!("on-call");
        entries.push(on_call);
        for (user, write, read) in [
            ("legacy", "^events$", "^legacy$"),
            ("reader", "^$", ".*"),
            ("guest", ".*", ".*"),
            ("monitor", "^$", ""),
        ] {
            entries.push(json!({ "user": user, "configure": "^$", "write": write, "read": read }));
        }
        let users = json!([{ "name": "guest", "tags": ["administrator"] },
            { "name": "legacy", "tags": ["management"] }, { "name": "reader", "tags": [] }]);
        let found = judge(&system, "shop", &permissions, &wanted["topic_permissions"], &users);
        let bad = found.iter().filter(|finding| finding.state == FindingState::Bad);
        let bad: Vec<_> = bad.map(|finding| &*finding.subject).collect();
        assert_eq!(bad, ["legacy", "reader"], "{found:?}");
        let legacy = found.iter().find(|finding| finding.subject == "legacy").expect("it");
        assert!(legacy.found.contains("without limits of routing keys at events"), "{legacy:?}");
        assert!(legacy.advice.contains("clear_permissions -p shop legacy"), "{legacy:?}");
    }
}
