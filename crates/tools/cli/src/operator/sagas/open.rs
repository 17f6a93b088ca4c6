//! `ballet sagas open` and `stuck`: the sagas that are not finished, or wait because something failed.

use std::collections::BTreeMap;
use std::slice;

use anyhow::Result;
use ballet_ops::doctor::standing;
use ballet_ops::redrive::DeadLetter;
use ballet_ops::sagas::{self, Hindrance, OpenSaga, OpenSagas, SagaState, SagaWait, hindrances};
use ballet_ops::standing::finding::{Finding, Hinders};
use ballet_ops::terminal::{Cell, Table};
use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use crate::base::exit::{ExitStatus, is_unreachable};
use crate::base::options::GlobalOptions;
use crate::base::systems::{services, system};
use crate::base::ui::{self, Output, age};
use crate::operator::sagas::open_state::{hindrance_text, open_state, style};
use crate::operator::sagas::saga_name::{SagaName, plain};
use crate::operator::sagas::show::{add_dead_letter, dead_letters};
use crate::operator::sagas::versions;
use crate::operator::sagas::waits::{self, warn_of};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this saga, or those that have a business key with this value: `order=ABC`
    #[arg(value_name = "ID|KEY=VALUE")]
    saga: Option<SagaName>,
    /// Only those that began longer ago than this: `90s`, `30min`, `2h`, `7d`
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<SignedDuration>,
    /// Only those that wait for this service
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
    /// Show at most this many sagas, the oldest first
    #[arg(long, default_value_t = 50, value_name = "N", overrides_with = "limit")]
    limit: usize,
}

/// The sagas that a command lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Open,
    /// Those in which something has failed, also if only its dead letter is known.
    Stuck,
}

pub(super) async fn run(args: &Args, which: Which, options: &GlobalOptions) -> Result<ExitStatus> {
    let databases = options.databases(&services()?)?;
    let named = match &args.saga {
        Some(named) => Some(named.all(options).await?),
        None => None,
    };
    let older_than = args.older_than.unwrap_or_default();
    let OpenSagas { mut sagas, mut away } = sagas::open(system()?, &databases, older_than).await;
    if which == Which::Stuck {
        match dead_letters(None, options).await {
            Ok(mut letters) => {
                let plain = plain()?;
                let is_plain = |name: &String| plain.contains(name.as_str());
                letters.retain(|letter| !letter.event_type.as_ref().is_some_and(is_plain));
                add_dead_letters(&mut sagas, &letters);
            }
            Err(error) if is_unreachable(&error) => {
                away.push(format!("dead letters are not listed: {error:#}"));
            }
            Err(error) => return Err(error),
        }
        sagas.retain(|saga| saga.waits.iter().any(has_failed));
    }
    let servers = options.system_servers(None)?;
    let findings = standing(&servers).await.findings;
    let hindrances = hindrances(servers.system, &findings);
    if let Some(named) = &named {
        sagas.retain(|saga| named.sagas.contains(&saga.saga));
    }
    if !args.service.is_empty() {
        for saga in &mut sagas {
            saga.waits.retain(|wait| args.service.contains(&wait.service));
        }
        sagas.retain(|saga| !saga.waits.is_empty());
    }
    let whole = sagas.len();
    sagas.truncate(args.limit.max(1));
    show(&sagas, which, &hindrances, options);
    if whole > sagas.len() {
        let whole = ui::grouped(whole);
        ui::say(&format!("{} of {whole} sagas are shown; --limit shows more", sagas.len()));
    }
    if which == Which::Stuck {
        let hinders = findings.iter().filter(|one| one.hinders != Hinders::Nothing);
        for Finding { cause, subject, found, advice, .. } in hinders {
            ui::say(&format!("{cause}: {subject}: {found}. Do: {advice}"));
        }
    }
    warn_of(&away);
    let is_whole = away.is_empty() && named.is_none_or(|named| !named.is_partial);
    Ok(if is_whole { ExitStatus::All } else { ExitStatus::Partly })
}

/// A service that is away is a cause outside of the saga.
fn has_failed(wait: &SagaWait) -> bool {
    wait.is_dead || wait.next_at.is_some() || (wait.why.is_some() && !wait.is_silent)
}

/// Of a saga whose first event died nothing else is known.
fn add_dead_letters(sagas: &mut Vec<OpenSaga>, letters: &[DeadLetter]) {
    let mut places: BTreeMap<Uuid, usize> =
        sagas.iter().enumerate().map(|(at, open)| (open.saga, at)).collect();
    for letter in letters {
        let saga = letter.saga.as_deref().map_or(Ok(letter.id.0), Uuid::try_parse);
        let Ok(saga) = saga else { continue };
        let at = *places.entry(saga).or_insert_with(|| {
            let began = letter.dead_at.unwrap_or_default();
            let (versions, waits) = (Vec::new(), Vec::new());
            sagas.push(OpenSaga { saga, began, versions, waits, deadline: None });
            sagas.len() - 1
        });
        let began = sagas[at].began;
        add_dead_letter(&mut sagas[at].waits, letter, began);
    }
}

fn show(sagas: &[OpenSaga], which: Which, hindrances: &[Hindrance], options: &GlobalOptions) {
    let now = options.clock.now();
    let of = |saga: &OpenSaga| open_state(&saga.waits, saga.deadline, hindrances, now);
    if options.output != Output::Table {
        let row = |one: &OpenSaga| {
            let OpenSaga { saga, began, versions, waits, .. } = one;
            let (state, hindrance) = of(one).unzip();
            let waits: Vec<_> = waits.iter().map(waits::json).collect();
            let versions = versions::json(versions);
            json!({
                "saga": saga, "began": began.to_string(), "state": state.map(SagaState::as_str),
                "hindered_by": hindrance.flatten().map(hindrance_text), "versions": versions, "waits": waits,
            })
        };
        ui::print_json(options.output, sagas.iter().map(row));
        return;
    }
    if sagas.is_empty() {
        ui::print(match which {
            Which::Open => "no saga is open",
            Which::Stuck => "no saga is stuck",
        });
        return;
    }
    let mut table = Table::new(["saga", "age", "state"].into_iter().chain(waits::HEADER));
    for one in sagas {
        let OpenSaga { saga, began, deadline, waits, .. } = one;
        let state = of(one).map_or(SagaState::Waiting, |(state, _)| state);
        for wait in waits {
            let saga = [
                Cell::from(saga.to_string()),
                Cell::from(ui::ago(Some(*began), now)),
                Cell::from(state.as_str()).styled(style(state)),
            ];
            let stands = open_state(slice::from_ref(wait), *deadline, hindrances, now);
            let hindrance = stands.and_then(|(_, hindrance)| hindrance);
            table.row(saga.into_iter().chain(waits::cells(wait, hindrance, now)));
        }
    }
    ui::show(&table);
    let ballet = ui::ballet();
    ui::say(&format!("show one with all that happened: {ballet} sagas show <saga>"));
    if sagas.iter().flat_map(|one| &one.waits).any(|wait| wait.is_dead) {
        ui::say(&format!("send its dead letters back: {ballet} dlq redrive --saga <saga>"));
    }
}
