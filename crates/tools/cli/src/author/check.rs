//! `ballet check`: checks the contracts of all services of a system together.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Error, Result};
use ballet::core::rules::catalogue;
use ballet::core::{EventType, Graph, Problem};
use ballet_check::search::models;
use ballet_check::search::{Counterexample, Row, SearchedSaga};
use ballet_check::{Contracts, ContractsError, sarif};
use ballet_ops::terminal::lanes::{self, LaneEvent};
use ballet_ops::terminal::{Table, picture};
use ballet_stage::{Options, Servers};
use serde_json::{Value, json};

use crate::author::explain;
use crate::author::play::{self, Played};
use crate::base::exit::{ExitStatus, unusable};
use crate::base::options::GlobalOptions;
use crate::base::systems;
use crate::base::ui::{self, Output};

pub(crate) const EXAMPLES: &str = "\
Examples:
  ballet check
  ballet check -o json | jq '.[] | select(.level == \"error\")'
  ballet check --sarif > check.sarif     for a code host, which shows it beside a change
  ballet check --svg run.svg             the first run that goes wrong, as a picture
  ballet check --run                     plays what goes wrong on a real broker and databases

Where no rule is broken, each saga is searched through: all orders of its messages, with
refusals, copies, aborts, deadlines and crashes. What goes wrong is shown as the shortest run.
Notes fail nothing: they depend on code that no contract shows.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print SARIF 2.1.0
    #[arg(long)]
    sarif: bool,
    /// Draw the first run that goes wrong into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Play each run that goes wrong on servers of its own, with services that answer as their contracts say
    #[arg(long)]
    run: bool,
    /// Write each saga into this folder as a module of TLA+ and a program of P, for other checkers
    #[arg(long, value_name = "FOLDER")]
    models: Option<PathBuf>,
}

pub(crate) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let folder = systems::folder(options.contracts.as_deref())?;
    let (contracts, unreadable) = Contracts::readable(&folder).map_err(unusable)?;
    let unreadable: Vec<Problem> = unreadable.into_iter().map(unread).collect();
    let (mut problems, notes) = (contracts.broken(), contracts.notes());
    // A run shows what most rules have said already: whoever wants to see one asks for it.
    let is_shown = args.run || args.svg.is_some();
    let is_searched = unreadable.is_empty() && (problems.is_empty() || is_shown);
    let sagas = if is_searched { contracts.runs() } else { Vec::new() };
    let runs: Vec<&Counterexample> = sagas.iter().flat_map(|saga| &saga.counterexamples).collect();
    problems.extend(runs.iter().map(|run| run.problem.clone()));
    let publishes =
        |run: &&&Counterexample| run.acts[..run.length].iter().any(|act| !act.publishes.is_empty());
    let seen = runs.iter().find(publishes);
    if let (Some(file), Some(run)) = (&args.svg, seen) {
        let lanes = drawn(&contracts, run);
        let picture = picture::svg(&console::strip_ansi_codes(&lanes), &run.problem.detail);
        write(file, &picture.map_err(Error::msg)?)?;
    }
    if let Some(folder) = &args.models {
        for model in models::models(contracts.system()) {
            let file = folder.join(&model.name);
            write(&file.with_extension("tla"), &model.tla())?;
            write(&file.with_extension("cfg"), models::SETTINGS)?;
            write(&file.with_extension("p"), &model.p())?;
        }
    }
    let done = match (problems.len(), unreadable.len()) {
        (0, 0) => ExitStatus::All,
        (0, _) if !contracts.system().parts.is_empty() => ExitStatus::Partly,
        _ => ExitStatus::Failed,
    };
    let plays = args.run && is_searched;
    let played = if plays { play_all(&contracts, &runs).await? } else { Vec::new() };
    let seen: Vec<_> = runs.iter().zip(&played).map(|(run, played)| (*run, played)).collect();
    let (broken, wrong) = (problems.len(), unreadable.len());
    let all = [unreadable, problems, notes].concat();
    say_searched(&sagas);
    if args.sarif {
        ui::raw(&sarif::log(&all, contracts.folder()).to_string());
    } else if options.output == Output::Table {
        show(&contracts, &all, (broken, wrong), &runs);
        seen.iter().for_each(|(run, played)| show_played(run, played));
    } else {
        let moves = |of: &Problem| {
            let run = runs.iter().find(|run| run.problem == *of)?;
            Some(run.acts[..run.length].iter().map(|act| &*act.words).collect::<Vec<_>>())
        };
        let played = |of: &Problem| seen.iter().find(|(run, _)| run.problem == *of);
        let rows = all.iter().map(|one| {
            let mut row = row(one, moves(one));
            if let Some((_, played)) = played(one) {
                row["played"] = played_row(played);
            }
            row
        });
        ui::print_json(options.output, rows);
    }
    Ok(done)
}

/// Plays runs one after the other, each in an environment of its own.
async fn play_all(contracts: &Contracts, runs: &[&Counterexample]) -> Result<Vec<Result<Played>>> {
    if runs.is_empty() {
        ui::say("no run goes wrong, so none is played");
        return Ok(Vec::new());
    }
    let servers = Servers::private(Options::fast().progress(ui::say)).await?;
    let mut played = Vec::with_capacity(runs.len());
    for run in runs {
        ui::say(&format!("playing {} moves of {}", run.acts.len(), run.saga));
        played.push(Box::pin(play::play(&servers, contracts.system(), run)).await);
    }
    servers.stop().await?;
    Ok(played)
}

fn show_played(run: &Counterexample, played: &Result<Played>) {
    let Problem { rule, of, .. } = &run.problem;
    let Played { rows, published, judgement } = match played {
        Ok(played) => played,
        Err(error) => {
            return ui::print(&format!(
                "{} of {of} is not what real servers do: {error:#}",
                rule.id
            ));
        }
    };
    let mut table = Table::new(["service", "step", "ledger"]);
    let mut last = None;
    for row in rows {
        let step = if row.step.is_empty() { "the saga" } else { &*row.step };
        let is_new = last.replace(&row.service) != Some(&row.service);
        let service = if is_new { &*row.service } else { "" };
        let entry = match (&*row.arrived, row.key) {
            ("", None) => row.entry.clone(),
            ("", Some(key)) => format!("{} (key {key})", row.entry),
            (event, _) => format!("{event} {}", row.entry),
        };
        table.row([service.into(), step.into(), entry.into()]);
    }
    ui::show(&table);
    let published: Vec<&str> = published.iter().map(EventType::name).collect();
    ui::print(&format!("published: {}", published.join(", ")));
    ui::print(&match &judgement.fault {
        Some(why) if judgement.differs.is_empty() => {
            format!("{}: {} of {of} on real servers: at last {why}", ui::red("shown"), rule.id)
        }
        Some(why) => format!("{} of {of} ends in another way on real servers: {why}", rule.id),
        None => format!("{} of {of} does not show on real servers: the run ends well", rule.id),
    });
}

fn played_row(played: &Result<Played>) -> Value {
    let Played { rows, published, judgement } = match played {
        Ok(played) => played,
        Err(error) => return json!({ "error": format!("{error:#}") }),
    };
    let row = |row: &Row| json!([row.service, row.step, row.key, row.entry, row.arrived]);
    json!({
        "fault": judgement.fault,
        "is_as_found": judgement.differs.is_empty(),
        "ledger": rows.iter().map(row).collect::<Vec<_>>(),
        "published": published,
    })
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn unread(error: ContractsError) -> Problem {
    let service = error.place.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let detail = format!("{:#}", Error::from(error));
    Problem { rule: &catalogue::READABLE, service, of: String::new(), detail }
}

fn row(problem: &Problem, moves: Option<Vec<&str>>) -> Value {
    let mut row = explain::row(problem.rule);
    for (name, text) in
        [("service", &problem.service), ("of", &problem.of), ("detail", &problem.detail)]
    {
        row[name] = json!(text);
    }
    if let Some(moves) = moves {
        row["moves"] = json!(moves);
    }
    row
}

/// Draws what is published in a run.
fn drawn(contracts: &Contracts, run: &Counterexample) -> String {
    let acts = (1..).zip(&run.acts[..run.length]);
    let events = acts.flat_map(|(number, act)| {
        act.publishes.iter().map(move |(keyed, publisher)| LaneEvent {
            millis: number,
            publisher,
            event_type: keyed.event.name(),
            body: &Value::Null,
        })
    });
    let graph = Graph::new(contracts.system().clone());
    lanes::draw_moves(&graph, &events.collect::<Vec<_>>())
}

fn say_searched(sagas: &[SearchedSaga]) {
    for SearchedSaga { saga, states, .. } in sagas.iter().filter(|saga| !saga.is_whole) {
        ui::note(&format!(
            "{saga} is too big to be searched through: of its runs {states} states were looked at, and only \
             double decisions would have been found"
        ));
    }
}

/// `broken` of the problems are broken rules, and `wrong` are files that cannot be read.
fn show(
    contracts: &Contracts,
    all: &[Problem],
    (broken, wrong): (usize, usize),
    runs: &[&Counterexample],
) {
    for (at, Problem { rule, detail, .. }) in all.iter().enumerate() {
        let says = format!("{} {}", rule.id, rule.says);
        if at < broken + wrong {
            ui::print(&format!("{}: {detail}", ui::red(&says)));
            if let Some(run) = runs.iter().find(|run| run.problem.detail == *detail) {
                ui::print(drawn(contracts, run).trim_end());
            }
        } else {
            ui::print(&format!("{} {says}: {detail}", ui::yellow("note")));
        }
    }
    let system = contracts.system();
    let services = match &system.parts[..] {
        [part] => format!("its service {}", part.service),
        parts => format!("its {} services", parts.len()),
    };
    let (name, events) = (system.name, system.known_types().len());
    let rules = match broken {
        1 => "1 rule is broken".to_owned(),
        number => format!("{number} rules are broken"),
    };
    match (broken, wrong) {
        (0, 0) => ui::print(&format!("{name} is sound: {services}, {events} events")),
        (_, 0) => ui::say(&format!("{name}: {rules}")),
        (0, _) => ui::say(&format!("{name}: the other contracts break no rule")),
        (_, _) => ui::say(&format!(
            "{name}: among the other contracts {rules}, perhaps because of what could not be read"
        )),
    }
    if !all.is_empty() {
        ui::say(&format!("`{} explain ID` says why, and what to do", ui::ballet()));
    }
}
