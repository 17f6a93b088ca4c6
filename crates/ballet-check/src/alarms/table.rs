//! The alarms as tables of a page.

use crate::alarms::alarm::{Alarm, Severity};
use crate::alarms::list::alarms;
use crate::markdown;

/// Returns the tables of the alarms, one for each severity, in Markdown, without the expressions.
#[must_use]
pub fn table() -> String {
    let of = |severity: Severity| {
        let rows: Vec<[String; 3]> =
            alarms().into_iter().filter(|alarm| alarm.severity == severity).map(row).collect();
        markdown::table([severity.as_str(), "after", "what to do"], &rows)
    };
    format!("{}\n{}", of(Severity::Critical), of(Severity::Warning))
}

fn row(alarm: &Alarm) -> [String; 3] {
    let after = match alarm.minutes {
        0 => "–".to_owned(),
        minutes => format!("{minutes} min"),
    };
    let end = if alarm.action.ends_with('?') { "" } else { "." };
    let what = format!("{}. {}{end}", sentence(alarm.summary), sentence(alarm.action));
    [alarm.name.to_owned(), after, what.replace(['{', '}'], "*")]
}

/// Turns text into a sentence with a capital letter.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}
