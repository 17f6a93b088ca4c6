use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::random;
use crate::servers::OPS;

/// A broker user of one bed.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) password: String,
}

/// A definitions document, made ready for one bed.
#[derive(Debug)]
pub(super) struct World {
    pub(super) vhost: String,
    /// By the names that the original document uses.
    pub(super) users: BTreeMap<String, User>,
    pub(super) exchanges: Vec<String>,
    pub(super) queues: Vec<String>,
    pub(super) document: Value,
}

/// Gives the one vhost and the users of a document names with a suffix, and the users new
/// passwords. Patterns stay: they are about exchanges and queues, whose names do not change.
///
/// The document's own `ops` is left out: a bed has an administrator anyway.
pub(super) fn rewrite(original: &Value, suffix: &str) -> Result<World> {
    let mut document = original.clone();
    let [vhost] = &names(original, "vhosts")[..] else {
        let count = names(original, "vhosts").len();
        return Err(Error::Definitions(format!("they should have one vhost, not {count}")));
    };
    let new_vhost = format!("{vhost}{suffix}");
    let mut users = BTreeMap::new();
    for name in names(original, "users").into_iter().filter(|name| name != OPS) {
        let user = User { name: format!("{name}{suffix}"), password: random::hex::<12>()? };
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
    Ok(World { vhost: new_vhost, users, exchanges, queues, document })
}

fn names(document: &Value, section: &str) -> Vec<String> {
    let entries = document[section].as_array().into_iter().flatten();
    entries.filter_map(|entry| Some(entry["name"].as_str()?.to_owned())).collect()
}

/// Whether a user, or something that a user is given, is about that user.
fn is_about(entry: &Value, section: &str, user: &str) -> bool {
    let key = if section == "users" { "name" } else { "user" };
    entry[key] == user
}

fn renew(entry: &mut Value, users: &BTreeMap<String, User>) -> Result<()> {
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
    users: &BTreeMap<String, User>,
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
    users: &'a BTreeMap<String, User>,
    name: Option<&str>,
    section: &str,
) -> Result<&'a User> {
    let name = name.unwrap_or_default();
    users.get(name).ok_or_else(|| {
        Error::Definitions(format!("{section} name a user {name:?} that is not among the users"))
    })
}

/// A user entry for an administrator.
pub(super) fn administrator(user: &User) -> Result<Value> {
    let mut entry = json!({ "name": user.name, "tags": "administrator" });
    set_password(&mut entry, user)?;
    Ok(entry)
}

/// The document for a broker that loads it at its start, and then makes no administrator and no vhost
/// by itself: with both in it.
pub(crate) fn at_start(original: &Value, password: &str) -> Result<Value> {
    let mut document = original.clone();
    if let Some(users) = document["users"].as_array_mut() {
        users.retain(|user| !is_about(user, "users", OPS));
    }
    let ops = User { name: OPS.to_owned(), password: password.to_owned() };
    push(&mut document, "users", administrator(&ops)?)?;
    push(&mut document, "vhosts", json!({ "name": "/" }))?;
    let all = json!({ "user": OPS, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*" });
    push(&mut document, "permissions", all)?;
    Ok(document)
}

/// Adds an entry to a section, which need not be there yet.
pub(super) fn push(document: &mut Value, section: &str, entry: Value) -> Result<()> {
    let wrong = || Error::Definitions(format!("{section} should be a list"));
    let sections = document.as_object_mut().ok_or_else(wrong)?;
    let entries = sections.entry(section).or_insert_with(|| json!([]));
    entries.as_array_mut().ok_or_else(wrong)?.push(entry);
    Ok(())
}

fn set_password(entry: &mut Value, user: &User) -> Result<()> {
    entry["password_hash"] = json!(hash(&user.password, random::bytes()?));
    entry["hashing_algorithm"] = json!("rabbit_password_hashing_sha256");
    Ok(())
}

/// RabbitMQ's form: the salt, then the SHA-256 of salt and password.
fn hash(password: &str, salt: [u8; 4]) -> String {
    let digest = Sha256::new().chain_update(salt).chain_update(password).finalize();
    STANDARD.encode([&salt[..], &digest[..]].concat())
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
        let world = rewrite(&original(), "_1").unwrap();
        assert_eq!(world.document["vhosts"][0]["name"], "shop_1");
        assert_eq!(world.document["queues"][0], json!({"name": "orders", "vhost": "shop_1"}));
        assert_eq!(world.document["permissions"][0]["user"], "orders_1");
        assert_eq!(world.document["permissions"][0]["read"], "^orders$");
        assert_eq!(world.document["users"][0]["name"], "orders_1");
        assert_eq!(world.users["orders"].name, "orders_1");
    }

    #[test]
    fn leaves_the_administrator_of_the_server_alone() {
        let world = rewrite(&original(), "").unwrap();
        assert_eq!(world.document["users"].as_array().unwrap().len(), 1);
        assert_eq!(world.document["permissions"].as_array().unwrap().len(), 1);
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

    #[test]
    fn hashes_as_the_broker_does() {
        // The example of RabbitMQ's own documentation.
        let expected = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR";
        assert_eq!(hash("test12", [0x90, 0x8D, 0xC6, 0x0A]), expected);
    }
}
