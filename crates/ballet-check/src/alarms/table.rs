//! The alarms as a table of a page.

use crate::alarms::list::alarms;
use crate::markdown;

/// The table of the alarms, in Markdown, without their expressions.
#[must_use]
pub fn table() -> String {
    let rows: Vec<[String; 4]> = alarms()
        .into_iter()
        .map(|alarm| {
            let held = match alarm.minutes {
                0 => "at once".to_owned(),
                minutes => format!("after {minutes} min"),
            };
            let end = if alarm.action.ends_with('?') { "" } else { "." };
            let what = format!("{}. {}{end}", sentence(alarm.summary), sentence(alarm.action));
            let what = what.replace(['{', '}'], "*");
            [alarm.name.to_owned(), alarm.severity.as_str().to_owned(), held, what]
        })
        .collect();
    markdown::table(["alarm", "severity", "rings", "what to do"], &rows)
}

/// Text that begins as a sentence does.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}
