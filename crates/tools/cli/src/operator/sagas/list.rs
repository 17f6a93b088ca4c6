//! `ballet sagas list`: all sagas, open and ended, the latest first.

use anyhow::Result;
use ballet_ops::sagas::{self, ListedSaga, ListedSagas, SagaQuery, SagaState};
use ballet_ops::terminal::{Cell, Table};
use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::systems::{services, system};
use crate::base::ui;
use crate::operator::sagas::open_state::{hindered, hindrance_text, style};
use crate::operator::sagas::saga_name::SagaName;
use crate::operator::sagas::versions;
use crate::operator::sagas::waits::{self, warn_of};

pub(super) const EXAMPLES: &str = "\
Examples:
  ballet sagas list
  ballet sagas list --state open
  ballet sagas list --state stuck
  ballet sagas list customer=0193f7a0-0001-7000-8000-000000000001
  ballet sagas list product=mug --state aborted
  ballet sagas list --with somebody@example.org

The keys are those of the contracts: ballet catalog EVENT shows which field is which key.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this saga, or those that have a business key with this value: `order=ABC`
    #[arg(value_name = "ID|KEY=VALUE")]
    saga: Option<SagaName>,
    /// Only sagas with this text or number as a value in an event: the id of an order, an email address. Events that
    /// services publish are searched, but not the one with which a saga begins
    #[arg(long, value_name = "VALUE")]
    with: Option<String>,
    /// Only sagas in this state
    #[arg(long, value_name = "STATE")]
    state: Option<StateFilter>,
    /// Only sagas that come after this one in the list
    #[arg(long, value_name = "ID")]
    after: Option<Uuid>,
    /// Show at most this many sagas
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StateFilter {
    /// A service has something to do for it: it is waiting, blocked or stuck
    Open,
    /// Something is due, and on time
    Waiting,
    /// The cause is known and lies outside the saga: it goes on by itself when that ends
    Blocked,
    /// A person has to act
    Stuck,
    /// Nothing is left to do
    Completed,
    /// It was aborted, and is undone
    Aborted,
}

impl StateFilter {
    fn fits(self, state: SagaState) -> bool {
        match self {
            Self::Open => state.is_open(),
            Self::Waiting => state == SagaState::Waiting,
            Self::Blocked => state == SagaState::Blocked,
            Self::Stuck => state == SagaState::Stuck,
            Self::Completed => state == SagaState::Completed,
            Self::Aborted => state == SagaState::Aborted,
        }
    }
}

pub(super) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let databases = options.databases(&services()?)?;
    let mut done = ExitStatus::All;
    let mut sagas = None;
    if let Some(named) = &args.saga {
        let found = named.all(options).await?;
        if found.is_partial {
            done = ExitStatus::Partly;
        }
        sagas = Some(found.sagas);
    }
    let wanted = SagaQuery {
        sagas,
        value: args.with.clone(),
        states: args
            .state
            .map(|wanted| SagaState::ALL.into_iter().filter(|state| wanted.fits(*state)).collect()),
        hindrances: hindered(options).await?,
        after: args.after,
        limit: args.limit.max(1),
    };
    let ListedSagas { sagas, has_more, away } = sagas::list(system()?, &databases, &wanted).await;
    show(&sagas, options);
    if let (true, Some(last)) = (has_more, sagas.last()) {
        ui::say(&format!("there are more: --after {}", last.saga));
    }
    warn_of(&away);
    if !away.is_empty() {
        done = ExitStatus::Partly;
    }
    Ok(done)
}

fn show(sagas: &[ListedSaga], options: &GlobalOptions) {
    let now = options.clock.now();
    let table = Table::new(["saga", "age", "state", "last event", "waits for"]);
    let cells = |saga: &ListedSaga| cells(saga, now);
    ui::list(options.output, sagas, as_json, "no saga fits", table, cells);
}

fn cells(saga: &ListedSaga, now: Timestamp) -> [Cell; 5] {
    let waits = match (&saga.hindered_by, saga.waits.first()) {
        (Some(hindrance), _) => Some(hindrance_text(hindrance)),
        (None, wait) => wait.map(|wait| format!("{}: {}", wait.service, wait.what)),
    };
    [
        Cell::from(saga.saga.to_string()),
        Cell::from(ui::ago(Some(saga.began), now)),
        Cell::from(format!("{}{}", saga.state, versions::text(&saga.versions)))
            .styled(style(saga.state)),
        Cell::from(saga.last.as_ref().map(|(event, _)| event)),
        Cell::from(waits),
    ]
}

pub(super) fn as_json(saga: &ListedSaga) -> Value {
    json!({
        "saga": saga.saga, "began": saga.began.to_string(), "state": saga.state.as_str(),
        "hindered_by": saga.hindered_by.as_ref().map(hindrance_text),
        "last_event": saga.last.as_ref().map(|(event, _)| event),
        "last_at": saga.last.as_ref().map(|(_, at)| at.to_string()),
        "versions": versions::json(&saga.versions),
        "waits": saga.waits.iter().map(waits::json).collect::<Vec<_>>(),
    })
}
