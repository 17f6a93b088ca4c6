//! Names of databases, roles, vhosts and users.

use std::collections::BTreeMap;

/// The name needs no quoting in SQL and no encoding in a URL.
pub(crate) fn identifier(name: &str, longest: usize) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    name.chars().map(plain).take(longest).collect()
}

pub(crate) fn database_names(services: &[&str], suffix: &str) -> BTreeMap<String, String> {
    let name = |service: &str| format!("{}{suffix}", identifier(service, 30));
    services.iter().map(|service| ((*service).to_owned(), name(service))).collect()
}
