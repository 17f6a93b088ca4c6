//! A flaw after its judges.

use std::time::Duration;

use crate::say::print;

pub(crate) struct Judged {
    pub(crate) kind: &'static str,
    pub(crate) place: String,
    /// The first judge that found it, and what it named.
    pub(crate) by: Option<(String, String)>,
    pub(crate) took: Duration,
}

impl Judged {
    pub(crate) fn show(&self, at: usize, of: usize) {
        let Self { kind, place, by, took } = self;
        let seconds = took.as_secs_f64();
        let end = match by {
            Some((judge, what)) => format!("found by {judge} ({what})"),
            None => "NOT FOUND".to_owned(),
        };
        print(&format!("{at}/{of} {kind}: {place}: {end}, {seconds:.1} s"));
    }
}
