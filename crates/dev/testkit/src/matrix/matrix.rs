//! The matrix of one service: its entry point.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use ballet::{Clock, SagaId, Service};
use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;

use crate::matrix::cell::{Cell, Verdict};
use crate::matrix::pair;
use crate::matrix::recorded::recorded;
use crate::matrix::rig::Rig;
use crate::matrix::runner::{Result, Statements};
use crate::matrix::setup::{PLENTY, Setup, actions, find, gives_up};
use crate::matrix::tables;
use crate::matrix::values::{Values, filled};

/// A flaw of a pair that is accepted, and why.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    step: &'static str,
    other: &'static str,
    reason: &'static str,
}

impl Known {
    /// Accepts what the matrix finds for a step and another one.
    #[must_use]
    pub const fn accepted(step: &'static str, other: &'static str, reason: &'static str) -> Self {
        Self { step, other, reason }
    }

    fn is_of(&self, cell: &Cell) -> bool {
        (self.step, self.other) == (cell.step, cell.other)
    }
}

/// The cells of a service: each pair of its steps and projections, of two sagas.
#[derive(Debug, Clone)]
pub struct Matrix {
    service: &'static str,
    /// The cells.
    pub cells: Vec<Cell>,
}

impl Matrix {
    /// Tries all pairs on a database of its own, with events of recordings where they have some.
    ///
    /// # Panics
    ///
    /// If there is no database, the service's tables cannot be made, or a recording cannot be read.
    #[must_use]
    pub fn of(service: Service, recordings: &[&str]) -> Self {
        let part = service.part();
        let name = part.service;
        let events = recorded(recordings.iter().map(Path::new), &part);
        let events = events.unwrap_or_else(|error| panic!("a recording for {name}: {error}"));
        let log = Statements::default();
        let subscriber = tracing_subscriber::registry().with(log.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("no runtime for {name}: {error}"));
        let cells = tracing::subscriber::with_default(subscriber, || {
            runtime.block_on(Box::pin(cells(service, log, events)))
        });
        let cells =
            cells.unwrap_or_else(|error| panic!("the steps of {name} could not be tried: {error}"));
        Self { service: name, cells }
    }

    /// Checks that no pair has a flaw, but for those that are known, and that half of the steps were tried.
    ///
    /// # Panics
    ///
    /// With the flaws, with what is accepted and not found, and with the steps that were not tried.
    pub fn check(&self, known: &[Known]) {
        let is_known = |cell: &Cell| known.iter().any(|known| known.is_of(cell));
        let flaws = || self.cells.iter().filter(|cell| cell.verdict.is_flaw());
        let new = flaws().filter(|cell| !is_known(cell)).map(Cell::to_string);
        let untried = self.untried();
        let accepted: Vec<&Cell> = untried.iter().copied().filter(|cell| is_known(cell)).collect();
        let idle = known
            .iter()
            .filter(|known| !flaws().chain(accepted.iter().copied()).any(|cell| known.is_of(cell)));
        let idle = idle.map(|Known { step, other, reason }| {
            format!("{step}, with {other}: accepted ({reason}), and nothing is found: remove it")
        });
        let steps = self.steps();
        let untried: Vec<String> =
            untried.iter().filter(|cell| !is_known(cell)).map(ToString::to_string).collect();
        let too_few = (2 * untried.len() > steps.len() || steps.is_empty()).then(|| {
            format!(
                "{} of {} steps were not tried; give the events by `recording = \"FILE\"`, or accept each with \"all\" \
                 and a reason:\n{}",
                untried.len(),
                steps.len(),
                untried.join("\n")
            )
        });
        let said: Vec<String> = new.chain(idle).chain(too_few).collect();
        let service = self.service;
        assert!(
            said.is_empty(),
            "{service}: steps that do not commute:\n\n{}\n",
            said.join("\n\n")
        );
    }

    fn steps(&self) -> BTreeSet<&str> {
        self.cells.iter().map(|cell| cell.step).collect()
    }

    /// Returns the first cell of each step that was tried with none.
    fn untried(&self) -> Vec<&Cell> {
        let is_tried = |cell: &&Cell| cell.verdict != Verdict::NotTried;
        let names = |cell: &Cell| [cell.step, cell.other];
        let mut tried: BTreeSet<&str> =
            self.cells.iter().filter(is_tried).flat_map(names).collect();
        self.cells.iter().filter(|cell| tried.insert(cell.step)).collect()
    }
}

/// The cells by line, then their numbers.
impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cells.iter().try_for_each(|cell| writeln!(f, "{}: {cell}", self.service))?;
        let count =
            |is: fn(Verdict) -> bool| self.cells.iter().filter(|cell| is(cell.verdict)).count();
        write!(
            f,
            "{}: {} pairs commute, {} by a guard, {} do not; {} of {} steps were not tried",
            self.service,
            count(|verdict| verdict == Verdict::Commutes),
            count(|verdict| verdict == Verdict::Guarded),
            count(Verdict::is_flaw),
            self.untried().len(),
            self.steps().len()
        )
    }
}

async fn cells(
    service: Service,
    log: Statements,
    recorded: BTreeMap<String, Value>,
) -> Result<Vec<Cell>> {
    let clock = Clock::system();
    // Postgres keeps microseconds.
    let now = jiff::Timestamp::from_microsecond(clock.now().as_microsecond()).unwrap_or_default();
    let (part, contract) = (service.part(), service.contract());
    let mut values = Values::new(&contract, &part, now, recorded);
    let mut rig = Box::pin(Rig::new(service, now, log)).await;
    let tables = tables::read(&mut rig.first, &mut values).await?;
    let actions = actions(&part, &values, &rig);
    let sagas = [(); 2].map(|()| SagaId(clock.new_id(now)));
    for event in part.copies.iter().flat_map(|copy| &copy.fed_by) {
        let body = values.body(event.name()).to_string();
        for saga in sagas {
            Box::pin(rig.feed(*event, &filled(&body, saga, PLENTY))).await;
        }
    }
    let (mut setups, mut cells): (Vec<Setup>, Vec<Cell>) = (Vec::new(), Vec::new());
    for action in &actions {
        match Box::pin(find(&mut rig, &tables, action, &setups, sagas[0])).await? {
            Ok(setup) => {
                cells.extend(gives_up(&mut rig, &setup, sagas[0]).await?);
                setups.push(setup);
            }
            Err((verdict, why)) => {
                cells.push(Cell { step: action.name, other: "all", verdict, why });
            }
        }
    }
    for step in &setups {
        for other in &setups {
            cells.push(Box::pin(pair::cell(&mut rig, step, other, sagas)).await?);
        }
    }
    Ok(cells)
}
