//! The definitions document of a system: users, rights, exchanges, queues, bindings and policies,
//! as RabbitMQ imports them when it starts.

use serde_json::{Value, json};

use crate::events::event::EventType;
use crate::parts::part::{Part, System};
use crate::topology::binding::{self, Binding};
use crate::topology::names::{
    DEAD, DEAD_PRODUCER, EVENTS, JOURNAL, JOURNAL_BYTES, JOURNAL_DAYS, JOURNAL_POLICY,
    JOURNAL_SEGMENT_BYTES, LOOK_LIMIT, MOST_DEAD, MOST_RETRIES, MOST_SET_ASIDE_BYTES, OPS, REDRIVE,
    RETRIES, RETURNED, ROUTE, TAP, TOPOLOGY, UNROUTED, dead_queue, returned_queue,
};
use crate::topology::telemetry;

/// The definitions document of a system.
///
/// `password_hash` returns a user's hash in the form `rabbit_password_hashing_sha256`.
#[must_use]
pub fn definitions(system: &System, password_hash: impl Fn(&str) -> String) -> Value {
    let vhost = system.name;
    let mut users = vec![user(OPS, "administrator", &password_hash)];
    // Tags that RabbitMQ does not know give no right. This one says in its console what the user is for.
    users.push(user(TAP, "reads-events-only", &password_hash));
    users.push(user(REDRIVE, "", &password_hash));
    users.push(user(TOPOLOGY, "policymaker", &password_hash));
    let mut permissions = vec![
        json!({"user": OPS, "vhost": vhost, "configure": ".*", "write": ".*", "read": ".*"}),
        // It makes no queue, since one that takes nothing, refuses what comes, and is bound to
        // `route` stops all who publish. No policy prevents that, because the arguments of a
        // classic queue win over it.
        json!({"user": TAP, "vhost": vhost, "configure": "^$", "write": "^$",
            "read": format!("^{JOURNAL}$")}),
        json!({"user": REDRIVE, "vhost": vhost, "configure": "^$",
            "write": r"^(amq\.default|dead)$",
            "read": r"^(journal|unrouted|retry\.(5s|30s|5m)|[^.]+\.dead)$"}),
    ];
    permissions.push(topology_permission(system));
    let mut topic_permissions = Vec::new();
    let mut queues = shared_queues(vhost);
    let mut bindings = shared_bindings(vhost);
    for part in &system.parts {
        // The tag lets a service ask for the bindings of its virtual host. It adds no right over AMQP.
        users.push(user(part.service, "management", &password_hash));
        permissions.push(service_permission(vhost, part));
        topic_permissions.extend(service_topic_permissions(vhost, part.service));
        topic_permissions.extend(telemetry::topic_permission(vhost, part));
        queues.extend(service_queues(vhost, part.service));
        bindings.extend(binding::of_service(part).iter().map(|of| binding_entry(vhost, of)));
    }
    for (producer, types) in system.foreign_producers() {
        users.push(user(producer, "", &password_hash));
        let returned = returned_queue(producer);
        permissions.push(json!({"user": producer, "vhost": vhost, "configure": "^$",
            "write": "^events$", "read": format!("^{}$", returned.replace('.', r"\."))}));
        topic_permissions.push(json!({"user": producer, "vhost": vhost, "exchange": EVENTS,
            "write": one_of(&types), "read": "^$"}));
        queues.push(queue(
            vhost,
            &returned,
            &json!({"x-queue-type": "quorum", "x-delivery-limit": LOOK_LIMIT}),
        ));
        // The routing key means nothing here. It is for people who read the list of bindings.
        bindings.push(json!({"source": RETURNED, "vhost": vhost, "destination": returned,
            "destination_type": "queue", "routing_key": producer,
            "arguments": {"x-match": "all-with-x", DEAD_PRODUCER: producer}}));
    }
    for event in unconsumed(system) {
        // No service consumes it, so without this binding `route` would send it to `unrouted`.
        bindings.push(binding_entry(vhost, &Binding::of_queue(ROUTE, JOURNAL, event.name())));
    }
    let types = system.telemetry();
    queues.extend(telemetry::streams(vhost, &types));
    bindings.extend(binding::of_telemetry(&types).iter().map(|of| binding_entry(vhost, of)));
    let mut exchanges = exchanges(vhost);
    exchanges.extend(telemetry::exchange(vhost, &types));
    let mut policies = policies(vhost);
    policies.extend(telemetry::policies(vhost, &types));
    json!({
        "users": users, "vhosts": [{"name": vhost}],
        "permissions": permissions, "topic_permissions": topic_permissions,
        "exchanges": exchanges, "queues": queues, "bindings": bindings,
        "policies": policies, "parameters": [], "global_parameters": [],
    })
}

fn user(name: &str, tags: &str, password_hash: &impl Fn(&str) -> String) -> Value {
    json!({"name": name, "password_hash": password_hash(name),
        "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": tags, "limits": {}})
}

/// A service may not configure anything, nor write to the default exchange, which reaches all
/// queues.
fn service_permission(vhost: &str, part: &Part) -> Value {
    let service = part.service;
    let telemetry = if part.telemetry.is_empty() { "" } else { "|telemetry" };
    let streams = match telemetry::read_by(part) {
        Some(streams) => format!(r"^({service}(\.dead)?|{streams})$"),
        None => format!(r"^{service}(\.dead)?$"),
    };
    json!({"user": service, "vhost": vhost, "configure": "^$",
        "write": format!(r"^(events|dead|retry\.(5s|30s|5m){telemetry})$"), "read": streams})
}

/// The system's own objects. To declare a queue that dead-letters to an exchange, a user needs the
/// right to write to that exchange.
fn topology_permission(system: &System) -> Value {
    let retries = RETRIES.map(|(name, _)| name);
    let shared = [EVENTS, ROUTE, UNROUTED, DEAD, RETURNED, JOURNAL].into_iter().chain(retries);
    let returned = system.foreign_producers().into_iter().map(|(name, _)| returned_queue(name));
    let shared = shared.map(str::to_owned).chain(returned).map(|name| name.replace('.', r"\."));
    let services = system.parts.iter().map(|part| format!(r"{}(\.dead)?", part.service));
    let telemetry = telemetry::configured(system);
    let own = shared.chain(services).chain(telemetry).collect::<Vec<_>>().join("|");
    json!({"user": TOPOLOGY, "vhost": system.name, "configure": format!("^({own})$"),
        "write": format!("^({own})$"), "read": format!("^({own})$")})
}

fn service_topic_permissions(vhost: &str, service: &str) -> Vec<Value> {
    let own_events = format!(r"^{service}\.[^.]+\.v[0-9]+$");
    let own_name = format!("^{service}$");
    let mut permissions =
        vec![json!({"user": service, "vhost": vhost, "exchange": EVENTS, "write": own_events,
            "read": "^$"})];
    for exchange in [DEAD].into_iter().chain(RETRIES.map(|(name, _)| name)) {
        permissions.push(json!({"user": service, "vhost": vhost, "exchange": exchange,
            "write": own_name, "read": "^$"}));
    }
    permissions
}

fn exchanges(vhost: &str) -> Vec<Value> {
    let exchange = |name: &str, kind: &str, internal: bool, arguments: Value| {
        json!({"name": name, "vhost": vhost, "type": kind, "durable": true, "auto_delete": false,
            "internal": internal, "arguments": arguments})
    };
    let mut exchanges = vec![
        exchange(EVENTS, "topic", false, json!({})),
        exchange(ROUTE, "direct", true, json!({"alternate-exchange": UNROUTED})),
        exchange(UNROUTED, "fanout", true, json!({})),
        exchange(DEAD, "topic", false, json!({})),
        exchange(RETURNED, "headers", true, json!({})),
    ];
    exchanges.extend(RETRIES.map(|(name, _)| exchange(name, "topic", false, json!({}))));
    exchanges
}

fn queue(vhost: &str, name: &str, arguments: &Value) -> Value {
    json!({"name": name, "vhost": vhost, "durable": true, "auto_delete": false,
        "arguments": arguments})
}

pub(crate) fn shared_queues(vhost: &str) -> Vec<Value> {
    let mut queues = vec![
        queue(vhost, UNROUTED, &json!({"x-queue-type": "quorum", "x-delivery-limit": LOOK_LIMIT})),
        queue(vhost, JOURNAL, &json!({"x-queue-type": "stream"})),
    ];
    for (name, ttl) in RETRIES {
        queues.push(queue(
            vhost,
            name,
            // At-least-once dead-lettering needs reject-publish. The routing key is the queue that
            // the message returns to. It does not go through the default exchange. What that cannot
            // route, because a queue was deleted, stays in the hands of the broker's worker, and 32
            // such messages stop the retries of all services. `route` has an alternate exchange.
            &json!({"x-queue-type": "quorum", "x-delivery-limit": LOOK_LIMIT,
                "x-message-ttl": ttl, "x-dead-letter-exchange": ROUTE,
                "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}),
        ));
    }
    queues
}

pub(crate) fn service_queues(vhost: &str, service: &str) -> [Value; 2] {
    [
        queue(
            vhost,
            service,
            // The broker dead-letters nothing from here. Some foreign headers crash its
            // dead-lettering, for all queues of all vhosts: a malformed `x-death` up to 3.12, a
            // decimal in every version. Services set aside what they cannot handle. Without a limit
            // a returned message goes to the tail of the queue, so there is one that is never
            // reached.
            &json!({"x-queue-type": "quorum", "x-delivery-limit": LOOK_LIMIT}),
        ),
        queue(
            vhost,
            &dead_queue(service),
            &json!({"x-queue-type": "quorum", "x-delivery-limit": LOOK_LIMIT}),
        ),
    ]
}

fn binding_entry(vhost: &str, binding: &Binding) -> Value {
    let Binding { source, kind, destination, key } = binding;
    json!({"source": source, "vhost": vhost, "destination": destination,
        "destination_type": kind.name(), "routing_key": key, "arguments": {}})
}

fn shared_bindings(vhost: &str) -> Vec<Value> {
    let mut bindings = vec![
        Binding::of_queue(EVENTS, JOURNAL, "#"),
        Binding::of_exchange(EVENTS, ROUTE, "#"),
        Binding::of_queue(UNROUTED, UNROUTED, ""),
        Binding::of_queue(DEAD, JOURNAL, "#"),
        // A service's name is one word. The notes of tools have two, and are for the journal alone.
        Binding::of_exchange(DEAD, RETURNED, "*"),
    ];
    bindings.extend(RETRIES.map(|(name, _)| Binding::of_queue(name, name, "#")));
    bindings.iter().map(|binding| binding_entry(vhost, binding)).collect()
}

/// Properties that may change over time are policies and not arguments. RabbitMQ's console shows
/// the policy's name beside the queue, so the journal's says that its messages are no backlog. A
/// full service queue would make the broker refuse the events of every service, so it has no length
/// limit.
pub(crate) fn policies(vhost: &str) -> Vec<Value> {
    let policy = |name: &str, pattern: &str, priority: u32, definition: Value| {
        json!({"vhost": vhost, "name": name, "pattern": pattern, "apply-to": "queues",
            "priority": priority, "definition": definition})
    };
    let kept = json!({"max-length-bytes": JOURNAL_BYTES, "max-age": format!("{JOURNAL_DAYS}D"),
        "stream-max-segment-size-bytes": JOURNAL_SEGMENT_BYTES});
    vec![
        // Above the policy `journal` that an earlier release left in the broker.
        policy(JOURNAL_POLICY, "^journal$", 2, kept),
        policy("unrouted", "^unrouted$", 1, json!({"max-length": 10_000})),
        // One service must not fill the disk of all. What is refused waits in the database of its service. The
        // queues of retries have the overflow among their arguments.
        policy(
            "retries",
            r"^retry\.",
            1,
            json!({"max-length": MOST_RETRIES, "max-length-bytes": MOST_SET_ASIDE_BYTES}),
        ),
        policy(
            "dead",
            r"\.dead$",
            1,
            json!({"max-length": MOST_DEAD, "max-length-bytes": MOST_SET_ASIDE_BYTES,
                "overflow": "reject-publish"}),
        ),
        // A producer that never reads must not fill the disk. The oldest go, so that no service
        // ever waits.
        policy(
            "returned",
            r"\.returned$",
            1,
            json!({"max-length": 10_000, "max-length-bytes": 100_000_000, "overflow": "drop-head"}),
        ),
    ]
}

fn unconsumed(system: &System) -> Vec<EventType> {
    let consumed: Vec<EventType> = system.parts.iter().flat_map(Part::consumes).collect();
    let mut emitted: Vec<EventType> = system.parts.iter().flat_map(Part::emits).collect();
    emitted.retain(|event| !consumed.contains(event));
    emitted.sort_unstable();
    emitted.dedup();
    emitted
}

fn one_of(types: &[EventType]) -> String {
    let names: Vec<String> = types.iter().map(|event| event.name().replace('.', r"\.")).collect();
    format!("^({})$", names.join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::part::SubscriptionPart;

    #[test]
    fn a_foreign_producer_may_write_its_types_and_read_only_what_comes_back() {
        let checkout = EventType::starts_saga("cart.checked_out.v1").also_from(&["storefront"]);
        let part = Part {
            service: "orders",
            subscriptions: vec![SubscriptionPart { name: "carts", on: checkout }],
            ..Part::default()
        };
        let system = System { name: "shop", parts: vec![part] };
        let document = definitions(&system, |_| String::new());
        let rights = document["topic_permissions"].as_array().expect("a list");
        let of_storefront: Vec<_> = rights.iter().filter(|r| r["user"] == "storefront").collect();
        assert_eq!(of_storefront.len(), 1);
        assert_eq!(of_storefront[0]["write"], r"^(cart\.checked_out\.v1)$");
        assert_eq!(of_storefront[0]["read"], "^$");
        let rights = document["permissions"].as_array().expect("a list");
        let of_storefront = rights.iter().find(|r| r["user"] == "storefront").expect("rights");
        assert_eq!(of_storefront["read"], r"^storefront\.returned$");
        assert_eq!(of_storefront["configure"], "^$");
    }

    #[test]
    fn what_nobody_consumes_is_bound_to_the_journal() {
        let extra = EventType::plain("orders.extra.v1");
        let part = Part { service: "orders", publishes: vec![extra], ..Part::default() };
        let system = System { name: "shop", parts: vec![part] };
        let document = definitions(&system, |_| String::new());
        let bindings = document["bindings"].as_array().expect("a list");
        assert!(bindings.iter().any(|b| b["source"] == "route"
            && b["destination"] == "journal"
            && b["routing_key"] == "orders.extra.v1"));
    }
}
