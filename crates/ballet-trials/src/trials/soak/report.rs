//! The report of a run: as text, as JSON, and as files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use ballet_terminal::{Cell, Table, ui};
use serde::Serialize;

use crate::oracle::OracleVerdict;
use crate::trials::report::show_effects;
use crate::trials::soak::measure::{MeasureKey, MeasureKind, Sample};
use crate::trials::soak::plot::{Axes, PlotLine, draw};
use crate::trials::soak::verdict::{GrowthVerdict, MeasureFinding};

/// The figures of a run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SoakReport {
    pub(crate) held: bool,
    pub(crate) minutes: f64,
    /// The days that have passed for the system.
    pub(crate) days: f64,
    /// The number of sagas that customers have begun.
    pub(crate) sagas: usize,
    /// The number of those that took days and have ended.
    pub(crate) took_days: usize,
    /// Partitions that were dropped with rows in them, in each service.
    pub(crate) partitions_dropped: BTreeMap<String, i64>,
    pub(crate) messages: usize,
    pub(crate) effects: usize,
    #[serde(flatten)]
    pub(crate) verdict: OracleVerdict,
    pub(crate) unexpected_exits: Vec<String>,
    /// The number of samples, and of those that failed.
    pub(crate) samples: usize,
    pub(crate) missed_samples: usize,
    /// The reasons of the first failures.
    pub(crate) failed_samples: Vec<String>,
    /// The number of measures with a verdict. A run of less than twenty minutes has none.
    pub(crate) judged: usize,
    /// The measures that grew although they should be flat.
    pub(crate) grew: Vec<String>,
    /// The bytes that a saga leaves behind, by service and kind of table. Only if no days passed: otherwise some of
    /// them are gone.
    pub(crate) bytes_per_saga: BTreeMap<String, f64>,
    pub(crate) findings: Vec<MeasureFinding>,
}

/// The measures that share a plot, each plot with its file and title.
const PLOTS: [(&str, &str, &[MeasureKind]); 9] = [
    ("memory", "Resident memory of each process", &[MeasureKind::Memory]),
    ("files", "Open files of each process", &[MeasureKind::Files]),
    ("inbox", "Inbox of each service", &[MeasureKind::Inbox]),
    ("ledger", "Ledger of each service", &[MeasureKind::Ledger]),
    (
        "partitions",
        "Partitions of each service",
        &[MeasureKind::InboxPartitions, MeasureKind::LedgerPartitions],
    ),
    ("outbox", "Outbox and calls of each service", &[MeasureKind::Outbox, MeasureKind::Calls]),
    (
        "broker",
        "The broker",
        &[MeasureKind::BrokerDisk, MeasureKind::Journal, MeasureKind::BrokerMemory],
    ),
    (
        "latency",
        "From the begin to the end of a usual saga",
        &[MeasureKind::Median, MeasureKind::NinetyNinth],
    ),
    ("sagas", "Sagas that ended", &[MeasureKind::Ended]),
];

/// Whether a run was measured: it has samples, and at most every tenth is missing.
pub(crate) const fn is_measured(samples: usize, missed: usize) -> bool {
    samples > 0 && missed * 9 <= samples
}

impl SoakReport {
    pub(crate) fn show(&self, sagas: &str) {
        ui::print(&format!("\n{}", ui::bold("What was measured")));
        ui::print(&self.table().to_string());
        ui::print(&format!("\n{}", ui::bold("What happened")));
        let dropped: i64 = self.partitions_dropped.values().sum();
        for (figure, text) in [
            (format!("{:.0}", self.days), format!("days in {:.1} minutes", self.minutes)),
            (self.sagas.to_string(), format!("{sagas} of all kinds")),
            (self.took_days.to_string(), format!("{sagas} that took days")),
            (dropped.to_string(), "partitions dropped with rows in them".to_owned()),
            (self.messages.to_string(), "messages".to_owned()),
            (self.effects.to_string(), format!("effects, of {} expected", self.verdict.expected)),
        ] {
            ui::print(&format!("  {figure:>9}  {text}"));
        }
        for (what, bytes) in &self.bytes_per_saga {
            ui::print(&format!("  {bytes:>9.0}  bytes for each of the {sagas}: {what}"));
        }
        show_effects(&self.verdict);
        ui::rule("no service ended", &self.unexpected_exits);
        if is_measured(self.samples, self.missed_samples) {
            ui::list(&self.failed_samples, ui::dim);
        } else {
            let few = format!("samples: {}, and {} missed", self.samples, self.missed_samples);
            ui::rule(&few, &self.failed_samples);
        }
        if self.judged == 0 {
            ui::print("  - nothing was judged: a run of at least 20 minutes is");
        } else {
            ui::rule("nothing grew that should be flat", &self.grew);
        }
    }

    fn table(&self) -> Table {
        let header = ["", "", "begin", "middle", "end", "growth", "limit", ""];
        let mut table = Table::new(header).right(2..=6);
        for MeasureFinding { what, of, begin, middle, end, judged } in &self.findings {
            let show = |value: f64| what.unit().show(value);
            let (growth, limit, word) = match judged {
                GrowthVerdict::MayGrow => (String::new(), String::new(), String::new()),
                GrowthVerdict::TooShort { settles_after_days } if *settles_after_days > 0.0 => {
                    let word = format!("not judged: settles after {settles_after_days:.0} days");
                    (String::new(), String::new(), word)
                }
                GrowthVerdict::TooShort { .. } => {
                    (String::new(), String::new(), "not judged: too short".to_owned())
                }
                GrowthVerdict::Flat { growth, limit } => {
                    (show(*growth), show(*limit), "flat".to_owned())
                }
                GrowthVerdict::Grows { growth, limit } => {
                    (show(*growth), show(*limit), "GROWS".to_owned())
                }
            };
            let values = [show(*begin), show(*middle), show(*end), growth, limit, word];
            table.row([what.name().into(), of.into()].into_iter().chain(values.map(Cell::from)));
        }
        table
    }
}

/// The findings that break a rule, as lines.
pub(crate) fn grew(findings: &[MeasureFinding]) -> Vec<String> {
    let line = |finding: &MeasureFinding| {
        let GrowthVerdict::Grows { growth, limit } = finding.judged else { return None };
        let (name, of, unit) = (finding.what.name(), &finding.of, finding.what.unit());
        let (growth, limit) = (unit.show(growth), unit.show(limit));
        Some(format!("{name} of {of} grew by {growth} while it was judged, the limit is {limit}"))
    };
    findings.iter().filter_map(line).collect()
}

/// Writes the samples as CSV, the plots as SVG and the report as JSON.
pub(crate) fn write(dir: &Path, samples: &[Sample], report: &SoakReport) -> Result<()> {
    let save = |name: &str, text: String| {
        let path = dir.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    save("samples.csv", csv(samples))?;
    save("report.json", serde_json::to_string_pretty(report).context("cannot write the report")?)?;
    for (file, title, measures) in PLOTS {
        save(&format!("{file}.svg"), plot(title, measures, samples))?;
    }
    Ok(())
}

fn keys(samples: &[Sample]) -> BTreeSet<&MeasureKey> {
    samples.iter().flat_map(|sample| sample.values.keys()).collect()
}

fn csv(samples: &[Sample]) -> String {
    let keys = keys(samples);
    let names = keys.iter().map(|(what, of)| format!(",{} {of}", what.name()));
    let mut csv = format!("seconds,days{}\n", names.collect::<String>());
    for sample in samples {
        // Writing to a string cannot fail.
        write!(csv, "{:.1},{:.3}", sample.at.as_secs_f64(), sample.days).ok();
        for key in &keys {
            let value = sample.values.get(*key).map(|value| format!("{value:.1}"));
            write!(csv, ",{}", value.unwrap_or_default()).ok();
        }
        csv.push('\n');
    }
    csv
}

fn plot(title: &str, measures: &[MeasureKind], samples: &[Sample]) -> String {
    let (unit, one) = measures.first().map_or(("", 1.0), |what| what.unit().scale());
    let is_days = samples.iter().any(|sample| sample.days > 1.0);
    let across = |sample: &Sample| {
        if is_days { sample.days } else { sample.at.as_secs_f64() / 60.0 }
    };
    let line = |key: &&MeasureKey| {
        let point = |sample: &Sample| Some((across(sample), sample.values.get(*key)? / one));
        let name = match measures {
            [_] => key.1.clone(),
            _ if ["system", "broker"].contains(&&*key.1) => key.0.name().to_owned(),
            _ => format!("{} {}", key.0.name(), key.1),
        };
        PlotLine { name, points: samples.iter().filter_map(point).collect() }
    };
    let keys = keys(samples);
    let lines: Vec<PlotLine> =
        keys.iter().filter(|key| measures.contains(&key.0)).map(line).collect();
    let across = if is_days { "days" } else { "minutes" };
    draw(&Axes { title, across, up: unit }, &lines)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sample(seconds: u64, values: &[(MeasureKind, &str, f64)]) -> Sample {
        let values = values.iter().map(|(what, of, value)| ((*what, (*of).to_owned()), *value));
        Sample { at: Duration::from_secs(seconds), days: 0.0, values: values.collect() }
    }

    #[test]
    fn a_run_in_which_every_fifth_sample_is_missing_is_not_measured() {
        assert!(is_measured(360, 40) && is_measured(1, 0));
        assert!(!is_measured(320, 80) && !is_measured(1, 1) && !is_measured(0, 0));
    }

    #[test]
    fn samples_are_rows_and_a_missing_value_is_an_empty_cell() {
        let samples = [
            sample(0, &[(MeasureKind::Open, "system", 3.0)]),
            sample(5, &[(MeasureKind::Open, "system", 4.0), (MeasureKind::Median, "system", 81.5)]),
        ];
        let expected = "seconds,days,open sagas system,median from begin to end system\n\
                        0.0,0.000,3.0,\n5.0,0.000,4.0,81.5\n";
        assert_eq!(csv(&samples), expected);
    }
}
