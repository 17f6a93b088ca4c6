//! `cargo xtask servers`: runs the tests that depend on the servers, on the servers that the environment names, and
//! notes the versions and the result.

use std::fs;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ballet_stage::{Options, Servers};

use crate::process::cargo;
use ballet_terminal::ui;

/// The page with the table.
const PAGE: &str = "docs/versions.md";
const BEGIN: &str = "<!-- runs:begin -->\n";
const END: &str = "<!-- runs:end -->";
const HEAD: &str = "| RabbitMQ | Postgres | command | result | day |\n|---|---|---|---|---|\n";

/// The runs: their names, and the commands that start them.
const RUNS: [(&str, &str); 3] = [
    ("tests", "cargo xtask test"),
    ("demo", "cargo xtask demo --once"),
    ("chaos", "cargo xtask chaos --minutes 5"),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The servers are those that the tests find. BALLET_RABBITMQ_BIN names another directory with rabbitmq-server
and rabbitmqctl, BALLET_POSTGRES_BIN one with Postgres' programs; scripts that start them elsewhere, in a
chroot for instance, will do:

  BALLET_RABBITMQ_BIN=/opt/today/bin BALLET_POSTGRES_BIN=/opt/today/pgbin cargo xtask servers")]
pub(crate) struct Args {
    /// Only these runs, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "NAME",
          value_parser = clap::builder::PossibleValuesParser::new(RUNS.map(|(name, _)| name)))]
    only: Vec<String>,
    /// Say what happened, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(args: &Args) -> Result<ExitCode> {
    let (rabbitmq, postgres) = versions().await?;
    ui::say(&format!("RabbitMQ {rabbitmq}, Postgres {postgres}"));
    let day = jiff::Zoned::now().date().to_string();
    let wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|only| only == name);
    let mut failed = false;
    for (_, command) in RUNS.iter().filter(|(name, _)| wanted(name)) {
        ui::say(&format!("\n$ {command}"));
        let (passed, result) = one(command)?;
        failed |= !passed;
        let row = VersionRow {
            rabbitmq: rabbitmq.clone(),
            postgres: postgres.clone(),
            command: format!("`{command}`"),
            result,
            day: day.clone(),
        };
        ui::print(&row.line());
        // After each run, as all of them take an hour.
        if !args.dry_run {
            note(row)?;
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The versions of the servers that the tests find here.
async fn versions() -> Result<(String, String)> {
    if std::env::var_os("AMQP_URL").is_some() || std::env::var_os("DATABASE_URL").is_some() {
        bail!("the runs bring up servers of their own: unset AMQP_URL and DATABASE_URL");
    }
    let servers = Servers::acquire(Options::fast()).await?;
    let found =
        (servers.rabbitmq().version().to_string(), servers.postgres().version().to_string());
    servers.stop().await?;
    Ok(found)
}

/// Runs a command. Returns whether it succeeded, and the result for the table.
fn one(command: &str) -> Result<(bool, String)> {
    let begun = Instant::now();
    let mut words = command.split(' ').skip(1);
    let output = Command::new(cargo::program())
        .args(words.by_ref())
        .current_dir(cargo::root())
        .envs(std::env::vars_os())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {command}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let passed = output.status.success();
    if !passed {
        ui::print(text.trim_end());
    }
    Ok((passed, result(passed, &text, begun.elapsed())))
}

/// The result as the table puts it.
fn result(passed: bool, output: &str, took: Duration) -> String {
    // The last such line sums up all programs. The output of a failed program has one of its own.
    let end = output.lines().rev().find_map(|line| line.strip_prefix("test result: "));
    let count = |of: &str| -> u64 {
        let mut counts = end.into_iter().flat_map(|end| end.split(['.', ';']));
        let count = counts.find_map(|part| part.trim().strip_suffix(of)?.trim().parse().ok());
        count.unwrap_or_default()
    };
    let minutes = took.as_secs().div_ceil(60);
    match (passed, count("passed"), count("failed")) {
        (true, 0, _) => format!("passes, {minutes} min"),
        (true, tests, _) => format!("all {tests} pass, {minutes} min"),
        (false, 0, 0) => "**fails**".to_owned(),
        (false, good, bad) => format!("**{bad} of {} fail**", good + bad),
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct VersionRow {
    rabbitmq: String,
    postgres: String,
    command: String,
    result: String,
    day: String,
}

impl VersionRow {
    fn read(line: &str) -> Option<Self> {
        let mut cells =
            line.trim().strip_prefix('|')?.split('|').map(|cell| cell.trim().to_owned());
        let mut next = || cells.next();
        Some(Self {
            rabbitmq: next()?,
            postgres: next()?,
            command: next()?,
            result: next()?,
            day: next()?,
        })
    }

    fn line(&self) -> String {
        let Self { rabbitmq, postgres, command, result, day } = self;
        format!("| {rabbitmq} | {postgres} | {command} | {result} | {day} |")
    }

    /// The position in the table: by version, then in the order of the runs. Runs that no longer exist come last.
    fn order(&self) -> (Vec<u32>, Vec<u32>, usize) {
        let numbers = |text: &str| text.split('.').map(|part| part.parse().unwrap_or(0)).collect();
        let command = self.command.trim_matches('`');
        let place = RUNS.iter().position(|(_, run)| *run == command).unwrap_or(RUNS.len());
        (numbers(&self.rabbitmq), numbers(&self.postgres), place)
    }

    /// Whether the other row is about the same run on the same versions.
    fn replaces(&self, other: &Self) -> bool {
        (&self.rabbitmq, &self.postgres, &self.command)
            == (&other.rabbitmq, &other.postgres, &other.command)
    }
}

/// Puts a row into the page.
fn note(row: VersionRow) -> Result<()> {
    let page = cargo::root().join(PAGE);
    let text = fs::read_to_string(&page).with_context(|| format!("cannot read {PAGE}"))?;
    fs::write(&page, with(&text, row)?).with_context(|| format!("cannot write {PAGE}"))
}

/// The page with this row, in place of an older one for the same run and versions.
fn with(text: &str, row: VersionRow) -> Result<String> {
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (table, after) = rest.split_once(END)?;
        Some((before, table, after))
    });
    let Some((before, table, after)) = parts else { bail!("{PAGE} has no place for the runs") };
    let mut rows: Vec<VersionRow> = table.lines().skip(2).filter_map(VersionRow::read).collect();
    rows.retain(|old| !row.replaces(old));
    rows.push(row);
    rows.sort_by_key(VersionRow::order);
    let lines: String = rows.iter().map(|row| row.line() + "\n").collect();
    Ok(format!("{before}{BEGIN}{HEAD}{lines}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(rabbitmq: &str, name: &str, result: &str) -> VersionRow {
        let (_, command) = RUNS.iter().find(|(run, _)| *run == name).expect("a run");
        let command = format!("`{command}`");
        let [rabbitmq, result] = [rabbitmq, result].map(str::to_owned);
        VersionRow {
            rabbitmq,
            postgres: "18.1".to_owned(),
            command,
            result,
            day: "2026-11-23".to_owned(),
        }
    }

    #[test]
    fn the_last_run_of_each_kind_on_each_version_is_kept_in_order() {
        let mut text = format!("above\n\n{BEGIN}{HEAD}{END}\n\nbelow\n");
        for row in [
            row("4.3.6", "demo", "passes, 1 min"),
            row("4.3.6", "tests", "**1 of 50 fail**"),
            row("3.10.8", "demo", "passes, 1 min"),
            row("4.3.6", "tests", "all 50 pass, 1 min"),
        ] {
            text = with(&text, row).expect("written");
        }
        let lines: Vec<&str> = text.lines().skip(5).take_while(|line| *line != END).collect();
        assert_eq!(
            lines,
            [
                "| 3.10.8 | 18.1 | `cargo xtask demo --once` | passes, 1 min | 2026-11-23 |",
                "| 4.3.6 | 18.1 | `cargo xtask test` | all 50 pass, 1 min | 2026-11-23 |",
                "| 4.3.6 | 18.1 | `cargo xtask demo --once` | passes, 1 min | 2026-11-23 |",
            ]
        );
        assert!(text.starts_with("above\n") && text.ends_with("below\n"), "{text}");
    }

    #[test]
    fn what_happened_is_told_with_its_counts() {
        let minute = Duration::from_secs(59);
        let said = "test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(result(true, said, minute), "all 7 pass, 1 min");
        let said = "test result: FAILED. 7 passed; 2 failed; 0 ignored\n";
        assert_eq!(result(false, said, minute), "**2 of 9 fail**");
        let said = "test result: FAILED. 0 passed; 1 failed; 0 ignored\n\n\
                    test result: FAILED. 8 passed; 1 failed; 0 ignored; finished in 2.00s\nseconds\n";
        assert_eq!(result(false, said, minute), "**1 of 9 fail**");
        assert_eq!(result(true, "an order\n", minute), "passes, 1 min");
    }

    #[test]
    fn the_page_has_a_place_for_the_runs() {
        let page = fs::read_to_string(cargo::root().join(PAGE)).expect("the page");
        assert!(with(&page, row("4.3.6", "demo", "passes")).is_ok());
    }
}
