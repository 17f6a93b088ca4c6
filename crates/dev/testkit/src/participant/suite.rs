//! The suite for one program.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};

use crate::participant::contract::Contract;
use crate::participant::program::Program;
use crate::participant::scenario::Scenario;

const AT_A_TIME: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);

/// The outcome of a scenario.
#[derive(Debug)]
pub struct ScenarioOutcome {
    /// The scenario.
    pub scenario: Scenario,
    /// How long it took.
    pub took: Duration,
    /// The program's fault, if there was one.
    pub wrong: Option<String>,
}

/// The suite for a program and its contract.
#[derive(Debug)]
pub struct ProgramSuite {
    program: Program,
    contract: Contract,
    patience: Duration,
}

impl ProgramSuite {
    /// Creates a suite that waits a minute for the end of a saga.
    #[must_use]
    pub const fn new(program: Program, contract: Contract) -> Self {
        Self { program, contract, patience: PATIENCE }
    }

    /// Sets how long the suite waits for the end of a saga while nothing changes.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Runs one scenario.
    ///
    /// # Errors
    ///
    /// If the program is at fault, in a sentence.
    pub async fn run(&self, scenario: Scenario) -> Result<(), String> {
        Box::pin(scenario.run(&self.program, &self.contract, self.patience)).await
    }

    /// Returns the scenarios that fit the step.
    #[must_use]
    pub fn scenarios(&self) -> Vec<Scenario> {
        let all = Scenario::ALL.iter().copied();
        all.filter(|scenario| scenario.lacks(&self.contract).is_none()).collect()
    }

    /// Returns the scenarios that do not fit, each with the reason.
    #[must_use]
    pub fn left_out(&self) -> Vec<(Scenario, &'static str)> {
        let all = Scenario::ALL.iter().copied();
        all.filter_map(|scenario| Some((scenario, scenario.lacks(&self.contract)?))).collect()
    }

    /// Runs these scenarios, some at a time. `told` gets the outcome of each when it ends.
    pub async fn run_all(&self, scenarios: &[Scenario], mut told: impl FnMut(ScenarioOutcome)) {
        let outcomes = stream::iter(scenarios.iter().copied()).map(|scenario| async move {
            let begun = Instant::now();
            let wrong = self.run(scenario).await.err();
            ScenarioOutcome { scenario, took: begun.elapsed(), wrong }
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
    /// With every fault of the program, by scenario.
    pub async fn check(&self) {
        let service = self.contract.part.service;
        let mut failures = Vec::new();
        let told = |ScenarioOutcome { scenario, took, wrong }| {
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
