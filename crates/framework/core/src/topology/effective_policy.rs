//! The effect of policies on a queue, compared with its declaration. RabbitMQ merges one policy and
//! one operator policy for each queue, and lists the result beside the queue.

use serde_json::{Map, Value};

use crate::topology::difference_words::{differs, table};

/// The limits of a queue: a larger value keeps more, and no limit keeps all.
const LIMITS: [&str; 5] = ["message-ttl", "max-length", "max-length-bytes", "max-age", "expires"];

/// The properties of a policy that decide what becomes of messages. The others are the operators'
/// business.
const PROPERTIES: [&str; 10] = [
    "message-ttl",
    "max-length",
    "max-length-bytes",
    "max-age",
    "expires",
    "overflow",
    "delivery-limit",
    "dead-letter-exchange",
    "dead-letter-routing-key",
    "dead-letter-strategy",
];

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct InForce {
    /// One sentence for each property.
    pub(crate) words: Vec<String>,
    /// Whether messages may be lost that the declaration keeps.
    pub(crate) loses: bool,
    /// The commands that remove the policies in force.
    pub(crate) remedies: Vec<String>,
}

pub(crate) fn compare<'a>(
    policies: impl Iterator<Item = &'a Value>,
    wanted: &Value,
    found: &Value,
) -> InForce {
    let mut in_force = InForce::default();
    if found["effective_policy_definition"].is_null() {
        // The broker does not report it.
        return in_force;
    }
    let declared = declared_definition(policies, wanted, found);
    let effective = table(&found["effective_policy_definition"]);
    let arguments = table(&wanted["arguments"]);
    let is_limited =
        ["max-length", "max-length-bytes"].iter().any(|it| effective.contains_key(*it));
    for property in PROPERTIES {
        if property == "overflow" && !is_limited && !effective.contains_key(property) {
            // Nothing overflows.
            continue;
        }
        let argument = arguments.get(&format!("x-{property}"));
        let (wanted, there) = (declared.get(property), effective.get(property));
        if wanted == there || there.is_some() && argument.is_some_and(|it| !changes(it, there)) {
            continue;
        }
        // Where an argument says where messages go when their time is over, a shorter one drops none.
        if property != "message-ttl" || argument.is_none() {
            let wanted = wanted.or(argument);
            in_force.loses |= !keeps(property, wanted, there);
            in_force.words.extend(differs(property, wanted, there));
        }
    }
    if !in_force.words.is_empty() {
        in_force.name(found);
    }
    in_force
}

impl InForce {
    fn name(&mut self, found: &Value) {
        let vhost = found["vhost"].as_str().unwrap_or("VHOST");
        let mut named = Vec::new();
        for (field, word, command) in [
            ("policy", "policy", "clear_policy"),
            ("operator_policy", "operator policy", "clear_operator_policy"),
        ] {
            if let Some(name) = found[field].as_str().filter(|name| !name.is_empty()) {
                named.push(format!("{word} `{name}`"));
                self.remedies.push(format!("`rabbitmqctl {command} -p {vhost} {name}`"));
            }
        }
        if !named.is_empty() {
            self.words.push(format!("in force: {}", named.join(" and ")));
        }
    }
}

/// Whether the limits in force keep all messages that the declaration wants kept.
fn keeps(property: &str, wanted: Option<&Value>, there: Option<&Value>) -> bool {
    if !LIMITS.contains(&property) {
        return wanted == there;
    }
    match (wanted.and_then(amount), there) {
        (_, None) => true,
        (Some(wanted), Some(there)) => amount(there).is_some_and(|there| there >= wanted),
        (None, Some(_)) => false,
    }
}

/// A declared policy, with those limits of the broker's of its name that keep more.
pub(crate) fn widened(wanted: &Value, found: &Value) -> Value {
    let (mut limits, there) = (table(&wanted["definition"]), table(&found["definition"]));
    for limit in LIMITS {
        if keeps(limit, there.get(limit), limits.get(limit)) {
            continue;
        }
        match there.get(limit) {
            Some(more) => limits.insert(limit.to_owned(), more.clone()),
            None => limits.remove(limit),
        };
    }
    if limits.is_empty() {
        // RabbitMQ takes no policy without a definition, so nothing of it is changed at once.
        return found.clone();
    }
    let mut widened = wanted.clone();
    widened["definition"] = Value::Object(limits);
    widened
}

/// A limit as a number. An age such as `7D` is in seconds.
fn amount(limit: &Value) -> Option<u64> {
    let Some(age) = limit.as_str() else { return limit.as_u64() };
    let unit = match age.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'D' => 86_400,
        'M' => 30 * 86_400,
        'Y' => 365 * 86_400,
        _ => return None,
    };
    age[..age.len() - 1].parse::<u64>().ok()?.checked_mul(unit)
}

/// Whether a policy changes the effect of an argument. The lower of two limits counts.
fn changes(argument: &Value, policy: Option<&Value>) -> bool {
    match (argument.as_i64(), policy.and_then(Value::as_i64)) {
        (Some(argument), Some(policy)) => policy < argument,
        _ => policy != Some(argument),
    }
}

fn declared_definition<'a>(
    policies: impl Iterator<Item = &'a Value>,
    wanted: &Value,
    found: &Value,
) -> Map<String, Value> {
    let name = wanted["name"].as_str().unwrap_or_default();
    let applies = |policy: &&Value| match literal(policy["pattern"].as_str().unwrap_or_default()) {
        Some((text, true, true)) => name == text,
        Some((text, true, false)) => name.starts_with(&text),
        Some((text, false, true)) => name.ends_with(&text),
        Some((text, false, false)) => name.contains(&text),
        // The broker knows.
        None => policy["name"] == found["policy"],
    };
    let policy = policies.filter(applies).max_by_key(|policy| policy["priority"].as_i64());
    policy.map(|policy| table(&policy["definition"])).unwrap_or_default()
}

/// The text of a pattern without special characters but anchors, and whether it is anchored at its
/// beginning and at its end.
fn literal(pattern: &str) -> Option<(String, bool, bool)> {
    let begins = pattern.strip_prefix('^');
    let ends = begins.unwrap_or(pattern).strip_suffix('$');
    let inner = ends.or(begins).unwrap_or(pattern);
    let mut text = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next().filter(|next| !next.is_alphanumeric())?),
            '.' | '*' | '+' | '?' | '[' | ']' | '(' | ')' | '{' | '}' | '|' | '^' | '$' => {
                return None;
            }
            other => text.push(other),
        }
    }
    Some((text, begins.is_some(), ends.is_some()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn queue(name: &str, arguments: &Value) -> Value {
        json!({ "name": name, "arguments": arguments })
    }

    fn in_force(wanted: &Value, effective: &Value) -> InForce {
        let policies = [
            json!({"name": "kept", "pattern": "^journal$", "priority": 2, "definition": {"max-age": "7D"}}),
            json!({"name": "returned", "pattern": r"\.returned$", "priority": 1,
                "definition": {"max-length": 10, "overflow": "drop-head"}}),
        ];
        let found = json!({ "vhost": "shop", "policy": "short", "operator_policy": "limits",
            "effective_policy_definition": effective });
        compare(policies.iter(), wanted, &found)
    }

    #[test]
    fn t221_what_policies_in_force_do_to_messages_is_named_with_the_way_out() {
        let orders = queue("orders", &json!({"x-delivery-limit": 1_000}));
        let found =
            in_force(&orders, &json!({"message-ttl": 500, "queue-leader-locator": "balanced"}));
        assert_eq!(
            found.words,
            [
                "message-ttl is 500, but should be none",
                "in force: policy `short` and operator policy `limits`"
            ]
        );
        assert_eq!(
            found.remedies,
            [
                "`rabbitmqctl clear_policy -p shop short`",
                "`rabbitmqctl clear_operator_policy -p shop limits`"
            ]
        );
        for effective in [
            json!({"max-length": 20}),
            json!({"max-length-bytes": 20}),
            json!({"expires": 1}),
            json!({"overflow": "reject-publish"}),
            json!({"delivery-limit": 3}),
            json!({"dead-letter-exchange": "elsewhere"}),
        ] {
            assert!(!in_force(&orders, &effective).words.is_empty(), "{effective}");
        }
        for effective in [json!({}), json!([]), json!({"delivery-limit": 1_000})] {
            assert_eq!(in_force(&orders, &effective), InForce::default(), "{effective}");
        }
    }

    #[test]
    fn t221_declared_policies_are_expected_and_what_does_not_change_a_queue_is_not_named() {
        let returned = queue("partner.returned", &json!({}));
        let declared = json!({"max-length": 10, "overflow": "drop-head"});
        assert_eq!(in_force(&returned, &declared), InForce::default());
        let words = in_force(&returned, &json!({"overflow": "drop-head"})).words;
        assert_eq!(words[0], "max-length is none, but should be 10");
        let retry =
            queue("retry.5s", &json!({"x-message-ttl": 5_000, "x-overflow": "reject-publish"}));
        assert_eq!(in_force(&retry, &json!({"message-ttl": 9_000})), InForce::default());
        assert_eq!(in_force(&retry, &json!({"overflow": "reject-publish"})), InForce::default());
        // The retries of tests come back sooner.
        assert_eq!(in_force(&retry, &json!({"message-ttl": 50})), InForce::default());
        let dropping = in_force(&retry, &json!({"overflow": "drop-head"}));
        let differs = "overflow is \"drop-head\", but should be \"reject-publish\"";
        assert_eq!(dropping.words[0], differs);
    }

    /// The policies of the next release, while processes of this one run.
    #[test]
    fn a_policy_that_keeps_more_loses_nothing() {
        let journal = queue("journal", &json!({}));
        let returned = queue("partner.returned", &json!({}));
        for (wanted, effective, loses) in [
            (&journal, json!({"max-age": "30D"}), false),
            (&journal, json!({"max-age": "1M"}), false),
            (&journal, json!({}), false),
            (&journal, json!({"max-age": "167h"}), true),
            (&journal, json!({"max-age": "all"}), true),
            (&journal, json!({"max-age": "7D", "max-length-bytes": 1}), true),
            (&returned, json!({"max-length": 11, "overflow": "drop-head"}), false),
            (&returned, json!({"max-length": 9, "overflow": "drop-head"}), true),
            (&returned, json!({"max-length": 11, "overflow": "reject-publish"}), true),
        ] {
            let found = in_force(wanted, &effective);
            assert!(!found.words.is_empty(), "{effective}");
            assert_eq!(found.loses, loses, "{effective}");
        }
    }

    #[test]
    fn a_pattern_without_special_characters_is_a_text() {
        assert_eq!(literal("^journal$"), Some(("journal".to_owned(), true, true)));
        assert_eq!(literal(r"\.returned$"), Some((".returned".to_owned(), false, true)));
        assert_eq!(literal(r"^retry\."), Some(("retry.".to_owned(), true, false)));
        assert_eq!(literal("^(a|b)$"), None);
        assert_eq!(literal(r"^\w$"), None);
    }
}
