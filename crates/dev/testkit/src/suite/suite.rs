//! The suite for one service: the entry point for its tests.

use std::fmt;

use ballet::{Participant, Service, Settings};

use crate::suite::checks::run::failures;
use crate::suite::rig::case::StepCase;
use crate::suite::rig::outside::Outside;
use crate::suite::rig::tested_service::TestedService;

/// A service whose steps are to be checked.
pub struct StepSuite {
    subject: TestedService,
}

impl StepSuite {
    /// Creates a suite for a service and its part. The service has to make its calls through the [`Outside`].
    #[must_use]
    pub fn new(
        participant: &Participant,
        service: impl Fn(&Settings, &Outside) -> Service + Send + Sync + 'static,
    ) -> Self {
        Self {
            subject: TestedService {
                part: participant.part(),
                service: Box::new(service),
                reference: "",
                effects: Vec::new(),
                records: Vec::new(),
            },
        }
    }

    /// Adds SQL for rows that exist before any saga.
    #[must_use]
    pub const fn reference(mut self, sql: &'static str) -> Self {
        self.subject.reference = sql;
        self
    }

    /// Adds a query for the step's effects: a refused or undone step leaves none of them. A table that no query names is
    /// such an effect as a whole, but for times and numbers from a sequence.
    #[must_use]
    pub fn effects(mut self, name: &'static str, query: &'static str) -> Self {
        self.subject.effects.push((name, query));
        self
    }

    /// Adds a query for rows that a refused or undone step may leave, such as a note of a refusal.
    #[must_use]
    pub fn records(mut self, name: &'static str, query: &'static str) -> Self {
        self.subject.records.push((name, query));
        self
    }

    /// Runs all checks that apply to the step's declaration.
    ///
    /// # Panics
    /// With all checks that failed, by name.
    pub fn check(&self, step: &str, case: StepCase) {
        let service = self.subject.part.service;
        let Some(part) = self.subject.steps().find(|part| part.name == step) else {
            panic!("{service} declares no step {step}: take it out of the suite, or rename it");
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap_or_else(|error| panic!("no runtime for the tests of {step}: {error}"));
        let failed = runtime.block_on(failures(&self.subject, part, case));
        let kind = part.kind.as_str();
        assert!(
            failed.is_empty(),
            "{service}: the {kind} step {step} fails {} checks:\n\n{}\n",
            failed.len(),
            failed.join("\n\n")
        );
    }

    /// Checks that the list has each step that the service declares.
    ///
    /// # Panics
    /// If one is missing.
    pub fn covers(&self, steps: &[&str]) {
        let names = self.subject.steps().map(|part| part.name);
        let left: Vec<_> = names.filter(|name| !steps.contains(name)).collect();
        let service = self.subject.part.service;
        assert!(
            left.is_empty(),
            "{service} declares steps that the suite does not try: {}; add a case for each to \
             `ballet_testkit::steps!`",
            left.join(", ")
        );
    }
}

impl fmt::Debug for StepSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepSuite").field("part", &self.subject.part).finish_non_exhaustive()
    }
}

/// Declares the tests for all steps of a service.
///
/// The macro takes a function that makes the [`StepSuite`], and for each step a function of the step's name that makes
/// its [`StepCase`]. A declared step that is not listed fails its own test.
#[macro_export]
macro_rules! steps {
    ($suite:ident: $($step:ident),+ $(,)?) => {
        mod steps {
            $(
                #[test]
                fn $step() {
                    super::$suite().check(stringify!($step), super::$step());
                }
            )+

            #[test]
            fn all_declared_steps_are_tried() {
                super::$suite().covers(&[$(stringify!($step)),+]);
            }
        }
    };
}
