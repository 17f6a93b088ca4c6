//! `ballet sagas stuck`: the sagas that wait because something failed.

use std::collections::BTreeMap;

use anyhow::Result;
use ballet_ops::doctor::standing;
use ballet_ops::redrive::DeadLetter;
use ballet_ops::sagas::{self, ListedSaga, ListedSagas, SagaState, SagaWait, hindrances};
use ballet_ops::standing::finding::{Finding, Hinders};
use ballet_ops::terminal::{Cell, Table};
use uuid::Uuid;

use crate::base::exit::{ExitStatus, is_unreachable};
use crate::base::options::GlobalOptions;
use crate::base::systems::{services, system};
use crate::base::ui::{self, Output};
use crate::operator::sagas::list::as_json;
use crate::operator::sagas::open_state::style;
use crate::operator::sagas::saga_name::{SagaName, plain};
use crate::operator::sagas::show::{add_dead_letter, dead_letters};
use crate::operator::sagas::waits::{self, warn_of};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this saga, or those that have a business key with this value: `order=ABC`
    #[arg(value_name = "ID|KEY=VALUE")]
    saga: Option<SagaName>,
    /// Only those that wait for this service
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
    /// Show at most this many sagas, the oldest first
    #[arg(long, default_value_t = 50, value_name = "N", overrides_with = "limit")]
    limit: usize,
}

/// Those in which something has failed, also if only its dead letter is known.
pub(super) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let databases = options.databases(&services()?)?;
    let named = match &args.saga {
        Some(named) => Some(named.all(options).await?),
        None => None,
    };
    let servers = options.system_servers()?;
    let findings = standing(&servers).await.findings;
    let hindrances = hindrances(servers.system, &findings);
    let ListedSagas { mut sagas, mut away, .. } =
        sagas::open(system()?, &databases, &hindrances).await;
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
    show(&sagas, options);
    if whole > sagas.len() {
        let whole = ui::grouped(whole);
        ui::say(&format!("{} of {whole} sagas are shown; --limit shows more", sagas.len()));
    }
    let hinders = findings.iter().filter(|one| one.hinders != Hinders::Nothing);
    for Finding { cause, subject, found, advice, .. } in hinders {
        ui::say(&format!("{cause}: {subject}: {found}. Do: {advice}"));
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
fn add_dead_letters(sagas: &mut Vec<ListedSaga>, letters: &[DeadLetter]) {
    let mut places: BTreeMap<Uuid, usize> =
        sagas.iter().enumerate().map(|(at, open)| (open.saga, at)).collect();
    for letter in letters {
        let saga = letter.saga.as_deref().map_or(Ok(letter.id.0), Uuid::try_parse);
        let Ok(saga) = saga else { continue };
        let at = *places.entry(saga).or_insert_with(|| {
            sagas.push(ListedSaga {
                saga,
                began: letter.dead_at.unwrap_or_default(),
                state: SagaState::Stuck,
                hindered_by: None,
                last: None,
                versions: Vec::new(),
                waits: Vec::new(),
            });
            sagas.len() - 1
        });
        let one = &mut sagas[at];
        add_dead_letter(&mut one.waits, letter, one.began);
        (one.state, one.hindered_by) = (SagaState::Stuck, None);
    }
}

fn show(sagas: &[ListedSaga], options: &GlobalOptions) {
    if options.output != Output::Table {
        ui::print_json(options.output, sagas.iter().map(as_json));
        return;
    }
    if sagas.is_empty() {
        ui::print("no saga is stuck");
        return;
    }
    let now = options.clock.now();
    let mut table = Table::new(["saga", "age", "state"].into_iter().chain(waits::HEADER));
    for ListedSaga { saga, began, state, hindered_by, waits, .. } in sagas {
        for wait in waits {
            let saga = [
                Cell::from(saga.to_string()),
                Cell::from(ui::ago(Some(*began), now)),
                Cell::from(state.as_str()).styled(style(*state)),
            ];
            table.row(saga.into_iter().chain(waits::cells(wait, hindered_by.as_ref(), now)));
        }
    }
    ui::show(&table);
    let ballet = ui::ballet();
    ui::say(&format!("show one with all that happened: {ballet} sagas show <saga>"));
    if sagas.iter().flat_map(|one| &one.waits).any(|wait| wait.is_dead) {
        ui::say(&format!("send its dead letters back: {ballet} dlq redrive --saga <saga>"));
    }
}
