//! What a broker has inside, as resources of RabbitMQ's Messaging Topology Operator for Kubernetes.

use ballet_core::System;
use ballet_core::topology;
use serde_json::{Value, json};

/// The name of the `RabbitmqCluster` that the resources are for.
const CLUSTER: &str = "rabbitmq";
/// The operator takes no others. Those that RabbitMQ does not know give no right.
const TAGS: [&str; 4] = ["administrator", "management", "monitoring", "policymaker"];

/// Returns the name as Kubernetes takes it, where no name has an underscore.
#[must_use]
pub fn resource_name(name: &str) -> String {
    name.replace('_', "-")
}

/// Returns the name of the Secret with a user's `username` and `password`.
#[must_use]
pub fn credentials(user: &str) -> String {
    format!("{}-credentials", resource_name(user))
}

/// Returns the users of a system's broker, producers from outside included.
#[must_use]
pub fn users(system: &System) -> Vec<String> {
    let definitions = topology::definitions(system, |_| String::new());
    entries(&definitions, "users").map(|user| text(user, "name").to_owned()).collect()
}

/// Returns the resources of a system, one a line, as a stream of YAML documents.
///
/// The operator cannot say that an exchange is internal. `ballet topology apply` creates those. A queue and the virtual
/// host stay when their resource goes.
#[must_use]
pub fn text_of(system: &System) -> String {
    let definitions = topology::definitions(system, |_| String::new());
    let document = |mut one: Value| {
        // A map's order depends on how serde_json was built.
        one.sort_all_objects();
        format!("---\n{one}\n")
    };
    resources(&definitions).into_iter().map(document).collect()
}

fn resources(definitions: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    let mut add = |kind: &str, name: &[&str], mut spec: Value| {
        spec["rabbitmqClusterReference"] = json!({"name": CLUSTER});
        all.push(json!({"apiVersion": "rabbitmq.com/v1beta1", "kind": kind,
            "metadata": {"name": joined_name(name)}, "spec": spec}));
    };
    for one in entries(definitions, "vhosts") {
        add(
            "Vhost",
            &[text(one, "name")],
            json!({"name": one["name"], "deletionPolicy": "retain"}),
        );
    }
    for one in entries(definitions, "users") {
        let name = text(one, "name");
        let tags: Vec<&str> = TAGS.into_iter().filter(|tag| text(one, "tags") == *tag).collect();
        let secret = json!({"name": credentials(name)});
        add("User", &[name], json!({"tags": tags, "importCredentialsSecret": secret}));
    }
    for one in entries(definitions, "permissions") {
        let rights =
            json!({"configure": one["configure"], "read": one["read"], "write": one["write"]});
        let spec = json!({"vhost": one["vhost"], "user": one["user"], "permissions": rights});
        add("Permission", &[text(one, "user")], spec);
    }
    for one in entries(definitions, "topic_permissions") {
        let rights =
            json!({"exchange": one["exchange"], "read": one["read"], "write": one["write"]});
        let spec = json!({"vhost": one["vhost"], "user": one["user"], "permissions": rights});
        add("TopicPermission", &[text(one, "user"), text(one, "exchange")], spec);
    }
    for one in entries(definitions, "exchanges").filter(|one| one["internal"] != true) {
        let spec = json!({"name": one["name"], "vhost": one["vhost"], "type": one["type"],
            "durable": one["durable"], "autoDelete": one["auto_delete"],
            "arguments": one["arguments"]});
        add("Exchange", &[text(one, "name")], spec);
    }
    for one in entries(definitions, "queues") {
        let spec = json!({"name": one["name"], "vhost": one["vhost"], "durable": one["durable"],
            "autoDelete": one["auto_delete"], "arguments": one["arguments"],
            "deletionPolicy": "retain"});
        add("Queue", &[text(one, "name")], spec);
    }
    for one in entries(definitions, "bindings") {
        let spec = json!({"vhost": one["vhost"], "source": one["source"],
            "destination": one["destination"], "destinationType": one["destination_type"],
            "routingKey": one["routing_key"], "arguments": one["arguments"]});
        let name = ["source", "destination", "routing_key"].map(|field| text(one, field));
        add("Binding", &name, spec);
    }
    for one in entries(definitions, "policies") {
        let spec = json!({"vhost": one["vhost"], "name": one["name"], "pattern": one["pattern"],
            "applyTo": one["apply-to"], "priority": one["priority"],
            "definition": one["definition"]});
        add("Policy", &[text(one, "name")], spec);
    }
    all
}

fn entries<'a>(definitions: &'a Value, section: &str) -> impl Iterator<Item = &'a Value> {
    definitions[section].as_array().into_iter().flatten()
}

fn text<'a>(entry: &'a Value, field: &str) -> &'a str {
    entry[field].as_str().unwrap_or_default()
}

/// A binding is named after both of its ends and its key, which may be a pattern.
fn joined_name(parts: &[&str]) -> String {
    let words = parts.iter().filter(|part| !part.is_empty()).map(|part| match *part {
        "#" => "all".to_owned(),
        "*" => "any".to_owned(),
        name => resource_name(name),
    });
    words.collect::<Vec<_>>().join(".")
}
