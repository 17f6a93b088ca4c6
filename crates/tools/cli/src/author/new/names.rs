//! Allowed names of services and systems, and their form in Rust.

use anyhow::Result;
use ballet::core::{Part, rules};

use crate::base::exit::usage;

/// The workspace has crates, programs and containers of these names besides the services.
const TAKEN: &[&str] = &[
    "alloc",
    "anyhow",
    "axum",
    "ballet",
    "clap",
    "core",
    "databases",
    "definitions",
    "gateway",
    "image",
    "jiff",
    "keys",
    "postgres",
    "proc_macro",
    "rabbitmq",
    "schemars",
    "serde",
    "serde_json",
    "sqlx",
    "std",
    "test",
    "tokio",
    "trials",
    "uuid",
];

/// The producer outside of a new project.
const PRODUCER: &str = "clerk";

/// No crate can have these names.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// The service's crate and program have this name.
pub(super) fn check_service(name: &str) -> Result<()> {
    if TAKEN.contains(&name) || KEYWORDS.contains(&name) {
        return Err(usage(format!(
            "a service cannot be called {name:?}, which means something else in Rust or in the \
             workspace: choose another name"
        )));
    }
    let part = Part { service: lasting(name), ..Part::default() };
    match rules::of_service(&part).first() {
        Some(problem) => Err(usage(problem.to_string())),
        None => Ok(()),
    }
}

pub(super) fn check_first_service(name: &str) -> Result<()> {
    if name == PRODUCER {
        return Err(usage(format!(
            "{name} is the producer outside of a new project, and has a broker user of that name: choose another name"
        )));
    }
    check_service(name)
}

/// The system's virtual host has this name.
pub(super) fn check_system(name: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_plain) {
        return Ok(());
    }
    let near = name.to_ascii_lowercase().replace(|c| !is_plain(c), "_");
    let near = if near.starts_with(|c: char| c.is_ascii_lowercase()) {
        near.as_str()
    } else {
        "my_system"
    };
    Err(usage(format!(
        "a system is named as its directory, lower case with underscores, and {name:?} is not: such as {near}"
    )))
}

/// `order_placed` is `OrderPlaced`.
pub(super) fn camel(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    };
    name.split('_').map(word).collect::<Vec<String>>().concat()
}

/// The process makes only one service.
fn lasting(name: &str) -> &'static str {
    Box::leak(name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_not_work_are_refused() {
        for name in ["Front Desk", "front-desk", "1st", "", "journal", "ops", "trials", "match"] {
            assert!(check_service(name).is_err(), "{name:?}");
        }
        assert!(check_service("front_desk").is_ok());
        assert!(check_service("clerk").is_ok() && check_first_service("clerk").is_err());
        for name in ["Harbour", "old harbour", "../harbour", ""] {
            assert!(check_system(name).is_err(), "{name:?}");
        }
        assert!(check_system("harbour").is_ok());
        let refused = check_system("old-Harbour").expect_err("a refusal").to_string();
        assert!(refused.ends_with("such as old_harbour"), "{refused}");
    }

    #[test]
    fn a_type_has_capitals_for_underscores() {
        assert_eq!(camel("order_placed"), "OrderPlaced");
    }
}
