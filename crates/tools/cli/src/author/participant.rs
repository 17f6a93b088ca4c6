//! `ballet participant`: checks that a program in any language does what a participant must.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use ballet_testkit::participant::{Contract, Program, ProgramSuite, Scenario, ScenarioOutcome};
use serde_json::{Value, json};

use crate::base::exit::{ExitStatus, usage};
use crate::base::options::GlobalOptions;
use crate::base::ui::{self, Output};

pub(crate) const EXAMPLES: &str = "\
Examples:
  ballet participant try -- python3 -m loyalty
  ballet participant try --only Twice,ReusedId -- node service.js
  ballet participant try --case tests/participant.json -o json -- ./service

The program runs as processes of its own, on a broker and a database that are brought up for it unless AMQP_URL and
DATABASE_URL name some. It gets its own AMQP_URL and DATABASE_URL. docs/join-from-any-language.md says what the file
has, and what is tried.";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Try a program: duplicates, kills, aborts in every order, lost servers, poison
    #[command(after_help = EXAMPLES)]
    Try(Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file that names the contract, the bodies of the events, and a query for the effect
    #[arg(long, value_name = "FILE", default_value = "participant.json")]
    case: PathBuf,
    /// Only these scenarios
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Stop waiting for the end of a saga after this many seconds without a change
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

pub(crate) async fn run(command: Command, options: &GlobalOptions) -> Result<ExitStatus> {
    let Command::Try(Args { case, only, patience, program }) = command;
    let contract = Contract::read(&case).map_err(usage)?;
    let [program, arguments @ ..] = &program[..] else { return Err(usage("name the program")) };
    let program = Program::new(program).args(arguments);
    let service = contract.part.service;
    let suite = ProgramSuite::new(program, contract).patience(Duration::from_secs(patience));
    let scenarios = chosen_scenarios(&suite, &only)?;
    ui::say(&format!("{service} goes through {} scenarios", scenarios.len()));
    for (scenario, why) in suite.left_out() {
        ui::say(&format!("{scenario} is not tried: {why}"));
    }
    let mut outcomes = Vec::new();
    let told = |outcome: ScenarioOutcome| {
        if options.output == Output::Table {
            tell(&outcome);
        }
        outcomes.push(outcome);
    };
    suite.run_all(&scenarios, told).await;
    if options.output != Output::Table {
        ui::print_json(options.output, outcomes.iter().map(row));
    }
    let failed = outcomes.iter().filter(|outcome| outcome.wrong.is_some()).count();
    if failed == 0 {
        ui::say(&format!("{service} keeps what a participant owes"));
        return Ok(ExitStatus::All);
    }
    ui::say(&format!("{service} fails {failed} of {} scenarios", outcomes.len()));
    Ok(ExitStatus::Failed)
}

fn chosen_scenarios(suite: &ProgramSuite, only: &[String]) -> Result<Vec<Scenario>> {
    let fitting = suite.scenarios();
    let left_out = suite.left_out();
    if let Some((scenario, why)) = left_out.iter().find(|(one, _)| only.contains(&one.to_string()))
    {
        return Err(usage(format!("{scenario} cannot be tried: {why}")));
    }
    let names: BTreeSet<String> = fitting.iter().map(ToString::to_string).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(*name)) {
        let names: Vec<_> = names.into_iter().collect();
        return Err(usage(format!(
            "no scenario of this step is called {unknown}, only {}",
            names.join(", ")
        )));
    }
    let is_chosen = |one: &Scenario| only.is_empty() || only.contains(&one.to_string());
    Ok(fitting.into_iter().filter(is_chosen).collect())
}

fn tell(ScenarioOutcome { scenario, took, wrong }: &ScenarioOutcome) {
    let took = format!("{:.1} s", took.as_secs_f64());
    match wrong {
        None => ui::print(&format!("{} {scenario}, {took}", ui::green("passed"))),
        Some(wrong) => ui::print(&format!("{} {scenario}, {took}: {wrong}", ui::red("failed"))),
    }
}

fn row(ScenarioOutcome { scenario, took, wrong }: &ScenarioOutcome) -> Value {
    json!({
        "scenario": scenario.to_string(),
        "passed": wrong.is_none(),
        "seconds": took.as_secs_f64(),
        "wrong": wrong,
    })
}
