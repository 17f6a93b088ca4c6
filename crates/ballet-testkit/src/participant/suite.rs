//! The suite for one program.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};

use crate::participant::contract::Contract;
use crate::participant::program::Program;
use crate::participant::scenario::Scenario;

/// How many scenarios run at the same time.
const AT_A_TIME: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);

/// How a scenario ended.
#[derive(Debug)]
pub struct Outcome {
    /// The scenario.
    pub scenario: Scenario,
    /// How long it took.
    pub took: Duration,
    /// What the program did wrong, if it did.
    pub wrong: Option<String>,
}

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

    /// The scenarios that fit the step: one that never refuses is not made to, and one that waits for one event
    /// is no join.
    #[must_use]
    pub fn scenarios(&self) -> Vec<Scenario> {
        let all = Scenario::ALL.into_iter();
        all.filter(|scenario| scenario.fits(&self.contract)).collect()
    }

    /// Runs these scenarios, some at a time, and tells how each ended once it has.
    pub async fn run_all(&self, scenarios: &[Scenario], mut told: impl FnMut(Outcome)) {
        let outcomes = stream::iter(scenarios.iter().copied()).map(|scenario| async move {
            let begun = Instant::now();
            let wrong = self.run(scenario).await.err();
            Outcome { scenario, took: begun.elapsed(), wrong }
        });
        let mut outcomes = outcomes.buffer_unordered(AT_A_TIME);
        while let Some(outcome) = outcomes.next().await {
            told(outcome);
        }
    }

    /// Runs all scenarios that fit.
    ///
    /// # Panics
    ///
    /// With all that the program did wrong, by scenario.
    pub async fn check(&self) {
        let service = self.contract.part.service;
        let mut failures = Vec::new();
        let told = |Outcome { scenario, took, wrong }| {
            let ended = if wrong.is_some() { "failed" } else { "passed" };
            eprintln!("{service}: {scenario} {ended}, {took:.1?}");
            failures.extend(wrong.map(|wrong| format!("{scenario}: {wrong}")));
        };
        self.run_all(&self.scenarios(), told).await;
        assert!(
            failures.is_empty(),
            "{service} fails {} scenarios:\n\n{}\n",
            failures.len(),
            failures.join("\n\n")
        );
    }
}
