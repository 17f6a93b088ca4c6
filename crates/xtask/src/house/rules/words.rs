//! The sentences that several rules use.

use crate::house::arrows::Names;

const SHOWN: usize = 8;

/// One arrow: `a.rs:3 takes X from b.rs`.
pub(super) fn takes(from: &str, to: &str, names: &Names) -> String {
    format!("{from}:{} takes {} from {to}", line(names), list(names))
}

/// What takes an arrow away.
pub(super) fn cut(from: &str, to: &str, names: &Names) -> String {
    format!(
        "move {} out of {to}, or down to where both can reach it (used by {from}:{})",
        list(names),
        line(names)
    )
}

/// The end of a line that counts something.
pub(super) fn several(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

fn line(names: &Names) -> usize {
    names.values().copied().min().unwrap_or_default()
}

fn list(names: &Names) -> String {
    let mut shown: Vec<String> = names.keys().take(SHOWN).map(|name| format!("`{name}`")).collect();
    if names.len() > SHOWN {
        shown.push(format!("{} more", names.len() - SHOWN));
    }
    shown.join(", ")
}
