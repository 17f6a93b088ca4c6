//! The suite for one program.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};

use crate::participant::contract::Contract;
use crate::participant::program::Program;
use crate::participant::scenario::Scenario;

/// How many scenarios run at the same time.
const AT_A_TIME: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);

/// A program, and what it promises.
#[derive(Debug)]
pub struct Suite {
    program: Program,
    contract: Contract,
    patience: Duration,
}

impl Suite {
    /// A suite that waits for a minute before it takes something for lost.
    #[must_use]
    pub const fn new(program: Program, contract: Contract) -> Self {
        Self { program, contract, patience: PATIENCE }
    }

    /// Changes how long the suite waits for the end of a saga while nothing changes.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Runs one scenario.
    ///
    /// # Errors
    ///
    /// What the program did wrong.
    pub async fn run(&self, scenario: Scenario) -> Result<(), String> {
        Box::pin(scenario.run(&self.program, &self.contract, self.patience)).await
    }

    /// Runs all scenarios, some at a time.
    ///
    /// # Panics
    ///
    /// With all that the program did wrong, by scenario.
    pub async fn check(&self) {
        let service = self.contract.part.service;
        let failures = stream::iter(Scenario::ALL)
            .map(|scenario| async move {
                let begun = Instant::now();
                let wrong = self.run(scenario).await.err();
                let ended = if wrong.is_some() { "failed" } else { "passed" };
                eprintln!("{service}: {scenario} {ended}, {:.1?}", begun.elapsed());
                wrong.map(|wrong| format!("{scenario}: {wrong}"))
            })
            .buffer_unordered(AT_A_TIME)
            .filter_map(std::future::ready)
            .collect::<Vec<_>>()
            .await;
        assert!(
            failures.is_empty(),
            "{service} fails {} scenarios:\n\n{}\n",
            failures.len(),
            failures.join("\n\n")
        );
    }
}
