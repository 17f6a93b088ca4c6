//! A definitions document: its users and its entries.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::random;

#[derive(Debug, Clone)]
pub(crate) struct BrokerUser {
    pub(crate) name: String,
    pub(crate) password: String,
}

/// Makes the section if it is missing.
pub(crate) fn push(document: &mut Value, section: &str, entry: Value) -> Result<()> {
    let wrong = || Error::Definitions(format!("{section} should be a list"));
    let sections = document.as_object_mut().ok_or_else(wrong)?;
    let entries = sections.entry(section).or_insert_with(|| json!([]));
    entries.as_array_mut().ok_or_else(wrong)?.push(entry);
    Ok(())
}

pub(crate) fn administrator(user: &BrokerUser) -> Result<Value> {
    let mut entry = json!({ "name": user.name, "tags": "administrator" });
    set_password(&mut entry, user)?;
    Ok(entry)
}

/// Whether an entry defines this user or grants it something.
pub(crate) fn is_about(entry: &Value, section: &str, user: &str) -> bool {
    let key = if section == "users" { "name" } else { "user" };
    entry[key] == user
}

pub(crate) fn set_password(entry: &mut Value, user: &BrokerUser) -> Result<()> {
    let salt = random::bytes::<4>()?;
    let hash = Sha256::new().chain_update(salt).chain_update(&user.password).finalize();
    let salted = [&salt[..], &hash[..]].concat();
    entry["password_hash"] = json!(STANDARD.encode(salted));
    entry["hashing_algorithm"] = json!("rabbit_password_hashing_sha256");
    Ok(())
}
