//! A system's definitions, rewritten for one test's environment.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::random;
use crate::servers::definitions::{BrokerUser, is_about, set_password};
use crate::servers::rabbitmq_access::OPS;

/// The rewritten document, with the names in it.
#[derive(Debug)]
pub(crate) struct EnvDefinitions {
    pub(crate) vhost: String,
    pub(crate) users: BTreeMap<String, BrokerUser>,
    pub(crate) exchanges: Vec<String>,
    pub(crate) queues: Vec<String>,
    pub(crate) document: Value,
}

/// Adds a suffix to the names of vhost and users, and gives the users new passwords.
///
/// Names of exchanges and queues stay, so patterns do. The document's `ops` is left out: the environment has its own
/// administrator.
pub(crate) fn rewrite(original: &Value, suffix: &str) -> Result<EnvDefinitions> {
    let mut document = original.clone();
    let [vhost] = &names(original, "vhosts")[..] else {
        let count = names(original, "vhosts").len();
        return Err(Error::Definitions(format!("they should have one vhost, not {count}")));
    };
    let new_vhost = format!("{vhost}{suffix}");
    let mut users = BTreeMap::new();
    for name in names(original, "users").into_iter().filter(|name| name != OPS) {
        let user = BrokerUser { name: format!("{name}{suffix}"), password: random::hex::<12>()? };
        users.insert(name, user);
    }
    let sections = document.as_object_mut().into_iter().flatten();
    for (section, entries) in sections {
        let Some(entries) = entries.as_array_mut() else { continue };
        entries.retain(|entry| !is_about(entry, section, OPS));
        for entry in entries {
            match section.as_str() {
                "vhosts" => entry["name"] = json!(new_vhost),
                "users" => renew(entry, &users)?,
                _ => redirect(entry, section, (vhost, &new_vhost), &users)?,
            }
        }
    }
    let (exchanges, queues) = (names(&document, "exchanges"), names(&document, "queues"));
    Ok(EnvDefinitions { vhost: new_vhost, users, exchanges, queues, document })
}

fn names(document: &Value, section: &str) -> Vec<String> {
    let entries = document[section].as_array().into_iter().flatten();
    entries.filter_map(|entry| Some(entry["name"].as_str()?.to_owned())).collect()
}

fn renew(entry: &mut Value, users: &BTreeMap<String, BrokerUser>) -> Result<()> {
    let user = find(users, entry["name"].as_str(), "users")?;
    entry["name"] = json!(user.name);
    set_password(entry, user)?;
    if let Some(entry) = entry.as_object_mut() {
        entry.remove("password");
        entry.entry("tags").or_insert(json!(""));
    }
    Ok(())
}

fn redirect(
    entry: &mut Value,
    section: &str,
    (old, new): (&str, &str),
    users: &BTreeMap<String, BrokerUser>,
) -> Result<()> {
    if let Some(vhost) = entry.get("vhost") {
        if vhost != old {
            let text = format!("an entry of {section} is about vhost {vhost}, not \"{old}\"");
            return Err(Error::Definitions(text));
        }
        entry["vhost"] = json!(new);
    }
    if let Some(user) = entry.get("user") {
        entry["user"] = json!(find(users, user.as_str(), section)?.name);
    }
    Ok(())
}

fn find<'a>(
    users: &'a BTreeMap<String, BrokerUser>,
    name: Option<&str>,
    section: &str,
) -> Result<&'a BrokerUser> {
    let name = name.unwrap_or_default();
    users.get(name).ok_or_else(|| {
        Error::Definitions(format!("{section} name a user {name:?} that is not among the users"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn original() -> Value {
        json!({
            "users": [{"name": "ops", "tags": "administrator"}, {"name": "orders", "tags": ""}],
            "vhosts": [{"name": "shop"}],
            "permissions": [
                {"user": "ops", "vhost": "shop", "configure": ".*", "write": ".*", "read": ".*"},
                {"user": "orders", "vhost": "shop", "configure": "^$", "write": "^events$", "read": "^orders$"}
            ],
            "queues": [{"name": "orders", "vhost": "shop"}]
        })
    }

    #[test]
    fn renames_vhost_and_users_but_not_what_is_in_the_vhost() {
        let rewritten = rewrite(&original(), "_1").unwrap();
        assert_eq!(rewritten.document["vhosts"][0]["name"], "shop_1");
        assert_eq!(rewritten.document["queues"][0], json!({"name": "orders", "vhost": "shop_1"}));
        assert_eq!(rewritten.document["permissions"][0]["user"], "orders_1");
        assert_eq!(rewritten.document["permissions"][0]["read"], "^orders$");
        assert_eq!(rewritten.document["users"][0]["name"], "orders_1");
        assert_eq!(rewritten.users["orders"].name, "orders_1");
    }

    #[test]
    fn leaves_the_administrator_of_the_server_alone() {
        let rewritten = rewrite(&original(), "").unwrap();
        assert_eq!(rewritten.document["users"].as_array().unwrap().len(), 1);
        assert_eq!(rewritten.document["permissions"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn refuses_a_document_about_something_else() {
        let mut two = original();
        two["queues"][0]["vhost"] = json!("rides");
        let error = rewrite(&two, "_1").unwrap_err().to_string();
        assert!(error.ends_with("an entry of queues is about vhost \"rides\", not \"shop\""));
        let mut stranger = original();
        stranger["permissions"][1]["user"] = json!("payments");
        let error = rewrite(&stranger, "_1").unwrap_err().to_string();
        assert!(error.contains("permissions name a user \"payments\""), "{error}");
    }
}
