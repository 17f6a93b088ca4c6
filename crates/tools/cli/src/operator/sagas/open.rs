//! `ballet sagas open`: the sagas that are not finished.

use std::slice;

use anyhow::Result;
use ballet_ops::sagas::{self, Hindrance, OpenSaga, OpenSagas, SagaState};
use ballet_ops::terminal::{Cell, Table};
use jiff::SignedDuration;
use serde_json::json;

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::systems::{services, system};
use crate::base::ui::{self, Output, age};
use crate::operator::sagas::open_state::{hindered, hindrance_text, open_state, style};
use crate::operator::sagas::versions;
use crate::operator::sagas::waits::{self, warn_of};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
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

pub(super) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let databases = options.databases(&services()?)?;
    let older_than = args.older_than.unwrap_or_default();
    let OpenSagas { mut sagas, away } = sagas::open(system()?, &databases, older_than).await;
    let hindrances = hindered(options).await?;
    if !args.service.is_empty() {
        for saga in &mut sagas {
            saga.waits.retain(|wait| args.service.contains(&wait.service));
        }
        sagas.retain(|saga| !saga.waits.is_empty());
    }
    let whole = sagas.len();
    sagas.truncate(args.limit.max(1));
    show(&sagas, &hindrances, options);
    if whole > sagas.len() {
        let whole = ui::grouped(whole);
        ui::say(&format!("{} of {whole} sagas are shown; --limit shows more", sagas.len()));
    }
    warn_of(&away);
    Ok(if away.is_empty() { ExitStatus::All } else { ExitStatus::Partly })
}

fn show(sagas: &[OpenSaga], hindrances: &[Hindrance], options: &GlobalOptions) {
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
        ui::print("no saga is open");
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
    ui::say(&format!("show one with all that happened: {} sagas show <saga>", ui::ballet()));
}
