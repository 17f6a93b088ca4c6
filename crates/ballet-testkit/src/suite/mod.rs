//! What every step of a saga has to pass, in one suite.
//!
//! A step comes with a [`Case`]: events that make it done, refused, undone, or fail. Which checks
//! apply follows from what the step is declared as:
//!
//! | step | checks |
//! |---|---|
//! | every one | delivered twice, crashes around the commit, two replicas, failing neighbours, many at once |
//! | may refuse | the same for the refusal, which leaves nothing; refused, then aborted |
//! | is undone | the same for the undo; undo before run, run after undo, both at once |
//! | calls outside | calls and answers that are lost, held or come twice; aborted while it asks |
//! | a join | its events in another order, one of them twice |
//! | decision | what is committed first wins |
//!
//! Each check runs the service in this process, over a broker in memory and a real database,
//! disturbs it, and compares what is left with what the same events leave undisturbed.

mod bench;
mod case;
mod checks;
mod look;
mod outside;
mod seen;
mod wire;
mod world;
mod wrong;

use std::fmt;

use ballet::core::part::{Part, StepPart};
use ballet::{Participant, Service, Settings};

pub use case::{Case, Told, told};
pub use outside::Outside;

type MakeService = Box<dyn Fn(&Settings, &Outside) -> Service + Send + Sync>;

/// A service whose steps are to be tried.
pub struct Suite {
    part: Part,
    service: MakeService,
    reference: &'static str,
    effects: Vec<(&'static str, &'static str)>,
    records: Vec<(&'static str, &'static str)>,
}

impl Suite {
    /// A service and its part. Whoever it asks outside, it has to ask through the [`Outside`].
    #[must_use]
    pub fn new(
        participant: &Participant,
        service: impl Fn(&Settings, &Outside) -> Service + Send + Sync + 'static,
    ) -> Self {
        Self {
            part: participant.part(),
            service: Box::new(service),
            reference: "",
            effects: Vec::new(),
            records: Vec::new(),
        }
    }

    /// SQL for rows that are there before any saga.
    #[must_use]
    pub const fn reference(mut self, sql: &'static str) -> Self {
        self.reference = sql;
        self
    }

    /// A query for what counts: a step that refused, or is undone, leaves nothing of it.
    #[must_use]
    pub fn effects(mut self, name: &'static str, query: &'static str) -> Self {
        self.effects.push((name, query));
        self
    }

    /// A query for all other rows that a step writes, such as a note of what it refused.
    #[must_use]
    pub fn records(mut self, name: &'static str, query: &'static str) -> Self {
        self.records.push((name, query));
        self
    }

    /// Tries a step in every way that what it is declared as calls for.
    ///
    /// # Panics
    /// With all checks that failed, by name.
    pub fn check(&self, step: &str, case: Case) {
        let service = self.part.service;
        let Some(part) = self.steps().find(|part| part.name == step) else {
            panic!("{service} declares no step {step}: take it out of the suite, or rename it");
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap_or_else(|error| panic!("no runtime for the tests of {step}: {error}"));
        let failed = runtime.block_on(checks::run(self, part, case));
        let kind = part.kind.as_str();
        assert!(
            failed.is_empty(),
            "{service}: the {kind} step {step} fails {} checks:\n\n{}\n",
            failed.len(),
            failed.join("\n\n")
        );
    }

    /// Makes sure that each step that the service declares is among those that are checked.
    ///
    /// # Panics
    /// If one is not.
    pub fn covers(&self, steps: &[&str]) {
        let left: Vec<_> =
            self.steps().map(|part| part.name).filter(|name| !steps.contains(name)).collect();
        let service = self.part.service;
        assert!(
            left.is_empty(),
            "{service} declares steps that the suite does not try: {}; add a case for each to \
             `ballet_testkit::steps!`",
            left.join(", ")
        );
    }

    fn steps(&self) -> impl Iterator<Item = &StepPart> {
        self.part.sagas.iter().flat_map(|saga| &saga.steps)
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite").field("part", &self.part).finish_non_exhaustive()
    }
}

/// Tests for all steps of a service: a function that makes its [`Suite`](crate::suite::Suite), and
/// one for each step, of the step's name, that makes its [`Case`](crate::suite::Case). A step that
/// the service declares and that is not here is a test that fails.
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
