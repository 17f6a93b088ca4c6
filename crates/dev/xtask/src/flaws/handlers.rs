//! Flaws in handlers: rewrites of the services' sources, wherever the text has a place for them.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// One text for another.
const TEXTS: [(&str, &str, &str); 11] = [
    ("lock not taken", "select pg_advisory_xact_lock(", "select ("),
    ("changed rows not counted", "rows_affected() == 1", "rows_affected() <= 1"),
    ("changed rows not counted", "(advanced.rows_affected(),", "(1,"),
    ("changed rows not counted", "(completed.rows_affected(),", "(1,"),
    ("clock of the wall", "tx.now()", "jiff::Zoned::now().timestamp()"),
    ("id of its own", "tx.new_id()", "sqlx::types::Uuid::now_v7().into()"),
    (
        "handler that blocks",
        "let now = tx.now();",
        "std::thread::sleep(std::time::Duration::from_secs(4));\n        let now = tx.now();",
    ),
    ("early event given up", "Failure::not_yet(", "Failure::permanent("),
    ("limit off by one", " >= ", " > "),
    ("limit off by one", " <= ", " < "),
    // What is done before stays when the handler fails.
    (
        "effect outside of the transaction",
        ".execute(db)\n    .await?;",
        ".execute(&mut *db)\n    .await?;\n    sqlx::raw_sql(\"commit; begin\").execute(db).await?;",
    ),
];

/// What is left out: from one text up to the next of these signs, or with the whole of another text.
const CUTS: [(&str, &str, Until); 16] = [
    ("lock not taken", " for update", CLAUSE),
    ("lock not taken", " for no key update", CLAUSE),
    ("lock not taken", " for share", CLAUSE),
    ("lock not taken", " for key share", CLAUSE),
    ("locks in no order", "order by ", Until::Before(&["for update", "for no key update"])),
    ("second time not noticed", "on conflict ", Until::After("do nothing")),
    ("state not looked at", "and state = '", Until::After("'")),
    ("state not looked at", "and state in (", Until::After(")")),
    ("state not looked at", "and status = '", Until::After("'")),
    ("state not looked at", "and status in (", Until::After(")")),
    ("state not looked at", "and ending is", Until::After(" null")),
    ("state not looked at", "and erased_at is", Until::After(" null")),
    ("state not looked at", "and closed_at is", Until::After(" null")),
    ("state not looked at", "and not exists (", Until::After(")")),
    ("state not looked at", "where customer_order.status = '", Until::After("'")),
    ("state not looked at", "where offer.since <", Until::After("excluded.since")),
];

/// Operands that are not counted one by one, or for which another condition does the same.
const UNMET: [&str; 13] = [
    "_at",
    "since",
    "until",
    "from",
    "unheard",
    "meters",
    "lift",
    "surprise",
    "coalesce(",
    "many",
    "enough",
    "before.number",
    "watched.len(",
];

const CLAUSE: Until = Until::Before(&["\"", ")", "\n"]);

#[derive(Clone, Copy)]
enum Until {
    Before(&'static [&'static str]),
    After(&'static str),
}

impl Until {
    /// The position after `text`, which must come before the end of its statement.
    fn end(self, text: &str) -> Option<usize> {
        let end = match self {
            Self::Before(signs) => signs.iter().filter_map(|sign| text.find(sign)).min()?,
            Self::After(last) => text.find(last)? + last.len(),
        };
        // A parameter that is given and not used fails at once.
        (!text[..end].contains(['"', '$', ';', '{'])).then_some(end)
    }
}

#[derive(Debug)]
pub(crate) struct Handler {
    pub(crate) kind: &'static str,
    pub(crate) system: &'static str,
    /// The service's package.
    pub(crate) service: String,
    /// Below the root of the sources.
    pub(crate) file: PathBuf,
    line: usize,
    at: Range<usize>,
    pub(crate) before: String,
    pub(crate) after: String,
}

impl Handler {
    pub(crate) fn place(&self) -> String {
        let file = self.file.strip_prefix("crates/systems").unwrap_or(&self.file);
        format!("{}:{}", file.display(), self.line)
    }

    /// The same after an edit elsewhere.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.file.display(), self.before)
    }

    /// Returns the file's text with the flaw.
    pub(crate) fn in_text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        text.replace_range(self.at.clone(), &self.after);
        text
    }
}

/// Flaws of all services of a system.
pub(crate) fn find(root: &Path, system: &'static str) -> Result<Vec<Handler>> {
    let folder = root.join("crates/systems").join(system);
    let mut found = Vec::new();
    for service in sorted(&folder)? {
        let name = service.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if ["events", "trial"].contains(&name.as_str()) {
            continue;
        }
        for file in sources(&service.join("src"))? {
            let text = read(&file)?;
            let below = file.strip_prefix(root).unwrap_or(&file);
            let flaws = of_text(&text).into_iter().map(|(kind, at, after)| Handler {
                kind,
                system,
                service: name.clone(),
                file: below.to_owned(),
                line: text[..at.start].matches('\n').count() + 1,
                before: text[at.clone()].to_owned(),
                at,
                after,
            });
            found.extend(flaws);
        }
    }
    Ok(found)
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read {}", folder.display());
    let entries = fs::read_dir(folder).with_context(cannot)?;
    let entries = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut entries = entries.collect::<Result<Vec<_>, _>>().with_context(cannot)?;
    entries.sort();
    Ok(entries)
}

/// Those of the product.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in sorted(folder)? {
        let name = entry.to_string_lossy();
        if entry.is_dir() {
            found.extend(sources(&entry)?);
        } else if name.ends_with(".rs") && !name.ends_with("_tests.rs") {
            found.push(entry);
        }
    }
    Ok(found)
}

pub(crate) fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn of_text(text: &str) -> Vec<(&'static str, Range<usize>, String)> {
    // Tests are at the end.
    let product = text.find("#[cfg(test)]").map_or(text, |tests| &text[..tests]);
    let mut found = Vec::new();
    for (kind, from, to) in TEXTS {
        let places = product.match_indices(from);
        found.extend(places.map(|(at, from)| (kind, at..at + from.len(), to.to_owned())));
    }
    for (kind, from, until) in CUTS {
        let ends = product.match_indices(from).filter_map(|(at, from)| {
            let rest = at + from.len();
            Some(at..rest + until.end(&product[rest..])?)
        });
        found.extend(ends.map(|at| (kind, at, String::new())));
    }
    let mut start = 0;
    for line in product.split_inclusive('\n') {
        let left_out = line_kind(line.trim());
        found.extend(left_out.map(|kind| (kind, start..start + line.len(), String::new())));
        start += line.len();
    }
    found.extend(sums(product));
    let is_code = |at: &Range<usize>| {
        let line = product[..at.start].rfind('\n').map_or(0, |end| end + 1);
        !product[line..].trim_start().starts_with("//")
    };
    found.retain(|(kind, at, _)| is_code(at) && !is_the_same(kind, product, at));
    found
}

/// Whether nobody can see that a rewrite has been made.
fn is_the_same(kind: &str, text: &str, at: &Range<usize>) -> bool {
    let (before, after) = (&text[..at.start], &text[at.end..]);
    match kind {
        // A moment or a distance is never just at its limit, and a page's limit is left out by the next condition.
        "limit off by one" => {
            let operand = |text: Option<&str>| text.unwrap_or_default().to_lowercase();
            let operands =
                [before.split(' ').next_back(), after.split_whitespace().next()].map(operand);
            operands.iter().any(|operand| UNMET.iter().any(|word| operand.contains(word)))
        }
        // The engine has seen to it that there is a row: who fails for good here is never called.
        "changed rows not counted" => {
            after.split("\n}").next().is_some_and(|rest| rest.contains("::permanent("))
        }
        // Of many rows that nobody needs any more, whoever comes first deletes some.
        "lock not taken" | "locks in no order" => {
            let statement = before.rfind('"').map_or("", |start| &text[start + 1..]);
            let statement = statement.split('"').next().unwrap_or_default();
            statement.contains("skip locked") && !statement.contains("limit 1\n")
        }
        _ => false,
    }
}

/// The flaw that there is without a line: a call of the store that returns nothing, or a column of a `set`.
fn line_kind(line: &str) -> Option<&'static str> {
    if line.contains("(tx.db(),") && line.ends_with(".await?;") && !line.starts_with("let ") {
        return Some("statement forgotten");
    }
    let (name, value) = line.split_once(" = ")?;
    let is_column = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let has_value = value.ends_with(',') && !value.contains(['$', '"', '(', ':']);
    (is_column && has_value && value.contains(' ')).then_some("column forgotten")
}

/// `held = stock.held - shelf.quantity` becomes `held = shelf.quantity`.
fn sums(text: &str) -> Vec<(&'static str, Range<usize>, String)> {
    let is_other = |c: char| !c.is_alphanumeric() && !['_', '.'].contains(&c);
    let last_word = |text: &str| text.rfind(is_other).map_or(0, |end| end + 1);
    let mut found = Vec::new();
    for (at, sign) in text.match_indices(" + ").chain(text.match_indices(" - ")) {
        let start = last_word(&text[..at]);
        let Some(left) = text[..start].strip_suffix(" = ") else { continue };
        let column = &left[last_word(left)..];
        if !column.is_empty() && text[start..at].rsplit('.').next() == Some(column) {
            found.push(("number set and not added", start..at + sign.len(), String::new()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(kind: &str, text: &str) -> Vec<String> {
        let found = of_text(text).into_iter().filter(|(of, ..)| *of == kind);
        let applied =
            found.map(|(_, at, to)| format!("{}{to}{}", &text[..at.start], &text[at.end..]));
        applied.collect()
    }

    #[test]
    fn each_rewrite_finds_its_place() {
        let one = |kind, text, expected: &str| assert_eq!(after(kind, text), [expected], "{kind}");
        one("lock not taken", "a order by b for update of c skip locked\"", "a order by b\"");
        one("locks in no order", "a order by b for update\"", "a for update\"");
        one("number set and not added", " held = stock.held - a.b,", " held = a.b,");
        one("state not looked at", "x = $1 and state = 'open'\"", "x = $1 \"");
        one("state not looked at", "x = $1 and state in ('a', 'b')", "x = $1 ");
        one("second time not noticed", "v on conflict (a) do nothing\"", "v \"");
        one("column forgotten", "set\n  a = b.c + e,\n  d = $1", "set\n  d = $1");
        one("statement forgotten", "\n  x::y(tx.db(), 1).await?;\n", "\n");
        one("limit off by one", "a.len() >= most {", "a.len() > most {");
        one("lock not taken", "\"a limit 1\n for update skip locked\"", "\"a limit 1\n\"");
        assert_eq!(after("limit off by one", "if until <= now {"), [""; 0]);
        assert_eq!(after("lock not taken", "\"a limit 500 for update skip locked\""), [""; 0]);
        assert_eq!(after("lock not taken", "// a for update"), [""; 0]);
        assert_eq!(after("number set and not added", "let a = b + 1;"), [""; 0]);
    }
}
