//! The page's tables, made from the results. The system's authors write the text around them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use ballet_terminal::ui;

use crate::customers::operation::Operation;
use crate::trials::degradation::outage::{Outage, SagaFate};

/// The names of the places in a page for the tables.
const OPERATIONS: &str = "operations";
const MEANWHILE: &str = "meanwhile";
const OVERDUE: &str = "overdue";

/// The tables, each with its place in the page.
#[derive(Debug)]
pub(crate) struct PageTables {
    sagas: &'static str,
    all: Vec<(&'static str, String)>,
}

impl PageTables {
    pub(crate) fn new(
        sagas: &'static str,
        operations: &[Operation],
        outages: &[Outage],
        overdue: Option<String>,
    ) -> Self {
        let stopped = |outage: &Outage| format!("`{}`", outage.stopped);
        let mut table = String::new();
        row(&mut table, "a client can, without", outages.iter().map(stopped));
        row(&mut table, "---", outages.iter().map(|_| "---".to_owned()));
        for Operation { name, .. } in operations {
            let seen = |outage: &Outage| {
                let seen = outage.seen.iter().find(|(other, _)| other == name);
                seen.map(|(_, seen)| seen.cell()).unwrap_or_default()
            };
            row(&mut table, name, outages.iter().map(seen));
        }
        let mut all = vec![(OPERATIONS, table)];
        if outages.iter().any(|outage| outage.meanwhile.is_some()) {
            let mut table = String::new();
            row(&mut table, "without", ["what becomes of it".to_owned()]);
            row(&mut table, "---", ["---".to_owned()]);
            for outage in outages {
                row(&mut table, &stopped(outage), outage.meanwhile.map(|one| becomes(one, outage)));
            }
            all.push((MEANWHILE, table));
        }
        all.extend(overdue.map(|text| (OVERDUE, text + "\n")));
        Self { sagas, all }
    }

    /// A page with these tables, for a system that has no page yet.
    fn new_page(&self) -> String {
        let mut page = "# What works while a service is down\n\n\
            Each column is a service that was killed while clients came. Each row is what a client did \
            meanwhile, and what\nit got. `cargo ballet degradation` kills them one after the other, and fails if \
            anything went otherwise than\nthis page says. With `--write` it writes the tables; the rest is yours.\n"
            .to_owned();
        for (place, _) in &self.all {
            if *place == MEANWHILE {
                // Writing to a string cannot fail.
                writeln!(page, "\nOf the {} that begin while a service is down:", self.sagas).ok();
            }
            let [begin, end] = marks(place);
            writeln!(page, "\n{begin}\n{end}").ok();
        }
        page
    }

    /// The page with these tables in their places.
    fn in_page(&self, page: &str) -> Result<String> {
        let mut text = page.to_owned();
        for (place, table) in &self.all {
            let [begin, end] = marks(place);
            let parts = text.split_once(&begin);
            let parts = parts.and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
            let (before, after) =
                parts.with_context(|| format!("the page has no lines {begin} and {end}"))?;
            text = format!("{before}{begin}\n{table}{end}{after}");
        }
        Ok(text)
    }
}

/// Compares the results with the page, or writes the page.
pub(crate) fn judge(file: &Path, tables: &PageTables, write: bool) -> Result<ExitCode> {
    let name = file.display();
    let page = file.exists().then(|| fs::read_to_string(file)).transpose();
    let page = page.with_context(|| format!("cannot read {name}"))?;
    if page.is_none() && !write {
        ui::say(&format!("there is no {name} yet: --write makes it from what was seen"));
        return Ok(ExitCode::SUCCESS);
    }
    let old = page.clone().unwrap_or_else(|| tables.new_page());
    let new = tables.in_page(&old).with_context(|| name.to_string())?;
    if write {
        if let Some(dir) = file.parent() {
            fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        }
        fs::write(file, new).with_context(|| format!("cannot write {name}"))?;
        ui::print(&format!("wrote {name}"));
        return Ok(ExitCode::SUCCESS);
    }
    if page.as_ref() != Some(&new) {
        bail!("{name} is not what was seen: run it again with --write");
    }
    Ok(ExitCode::SUCCESS)
}

fn marks(place: &str) -> [String; 2] {
    [format!("<!-- {place}:begin -->"), format!("<!-- {place}:end -->")]
}

fn row(text: &mut String, name: &str, cells: impl IntoIterator<Item = String>) {
    let cells: Vec<_> = cells.into_iter().collect();
    writeln!(text, "| {name} | {} |", cells.join(" | ")).ok();
}

fn becomes(meanwhile: SagaFate, outage: &Outage) -> String {
    match meanwhile {
        SagaFate::Completed => "completed as usual".to_owned(),
        SagaFate::Waits => {
            format!(
                "taken; it has not ended, and its event waits in the queue `{}`",
                outage.stopped
            )
        }
        SagaFate::Refused => "not taken; the client sends it again".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_replace_those_of_the_page_and_nothing_else() {
        let tables = |cell: &str| PageTables {
            sagas: "requests",
            all: vec![(OPERATIONS, format!("| {cell} |\n")), (MEANWHILE, "| b |\n".to_owned())],
        };
        let first = tables("a");
        let page = first.in_page(&first.new_page()).expect("a page") + "\nMy own words.\n";
        assert_eq!(first.in_page(&page).expect("the same page"), page);
        let other = tables("c").in_page(&page).expect("another page");
        assert_eq!(other.replace("| c |", "| a |"), page);
        assert!(first.in_page("no places").is_err());
    }
}
