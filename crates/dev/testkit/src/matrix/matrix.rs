//! The matrix of one service: its entry point.

use std::fmt;

use ballet::{Clock, SagaId, Service};
use tracing_subscriber::layer::SubscriberExt;

use crate::matrix::cell::{Cell, Verdict};
use crate::matrix::pair;
use crate::matrix::rig::{Result, Rig, Statements};
use crate::matrix::setup::{Setup, actions, find};
use crate::matrix::tables;
use crate::matrix::values::Values;

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
    /// Tries all pairs on a database of its own.
    ///
    /// # Panics
    ///
    /// If there is no database, or the service's tables cannot be made.
    #[must_use]
    pub fn of(service: Service) -> Self {
        let name = service.part().service;
        let log = Statements::default();
        let subscriber = tracing_subscriber::registry().with(log.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("no runtime for {name}: {error}"));
        let cells = tracing::subscriber::with_default(subscriber, || {
            runtime.block_on(Box::pin(cells(service, log)))
        });
        let cells =
            cells.unwrap_or_else(|error| panic!("the steps of {name} could not be tried: {error}"));
        Self { service: name, cells }
    }

    /// Checks that no pair has a flaw, but for those that are known.
    ///
    /// # Panics
    ///
    /// With the flaws, and with what is accepted and not found.
    pub fn check(&self, known: &[Known]) {
        let is_known = |cell: &Cell| known.iter().any(|known| known.is_of(cell));
        let flaws = || self.cells.iter().filter(|cell| cell.verdict.is_flaw());
        let new = flaws().filter(|cell| !is_known(cell)).map(Cell::to_string);
        let idle = known.iter().filter(|known| !flaws().any(|cell| known.is_of(cell)));
        let idle = idle.map(|Known { step, other, reason }| {
            format!("{step}, with {other}: accepted ({reason}), and nothing is found: remove it")
        });
        let said: Vec<String> = new.chain(idle).collect();
        let service = self.service;
        assert!(
            said.is_empty(),
            "{service}: steps that do not commute:\n\n{}\n",
            said.join("\n\n")
        );
    }
}

/// The cells by line.
impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cells.iter().try_for_each(|cell| writeln!(f, "{}: {cell}", self.service))
    }
}

async fn cells(service: Service, log: Statements) -> Result<Vec<Cell>> {
    let clock = Clock::system();
    // Postgres keeps microseconds.
    let now = jiff::Timestamp::from_microsecond(clock.now().as_microsecond()).unwrap_or_default();
    let (part, contract) = (service.part(), service.contract());
    let mut values = Values::new(&contract, &part, now);
    let mut rig = Box::pin(Rig::new(service, now, log)).await;
    let tables = tables::read(&mut rig.first, &mut values).await?;
    let actions = actions(&part, &values);
    let sagas = [(); 2].map(|()| SagaId(clock.new_id(now)));
    let (mut setups, mut cells): (Vec<Setup>, Vec<Cell>) = (Vec::new(), Vec::new());
    for action in &actions {
        let found = match action.left_out {
            Some(why) => Err(why.to_owned()),
            None => find(&mut rig, &tables, action, &setups, sagas[0])
                .await?
                .map_err(|why| format!("no rows or events are found that it takes: it {why}")),
        };
        match found {
            Ok(setup) => setups.push(setup),
            Err(why) => {
                let name = action.name;
                cells.push(Cell { step: name, other: "all", verdict: Verdict::NotTried, why });
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
