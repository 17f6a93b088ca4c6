//! Compares the answers of services with recorded ones, saga by saga, in memory.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use crate::stream::compare::difference::Difference;
use crate::stream::compare::joins::Joins;
use crate::stream::compare::saga::{self, ComparisonRules};
use crate::stream::record::Record;
use crate::stream::replay::made_keys::MadeKeys;
use crate::stream::replay::repeatable::SagaScope;

/// The sagas to compare, by their ids in the stream, with their ids in the recording.
pub type ComparedSagas = HashMap<Uuid, Uuid>;

/// Compares expected with actual events.
#[derive(Debug)]
pub struct Comparison {
    expected: ComparisonSide,
    actual: ComparisonSide,
    ignored: HashSet<String>,
    joins: Joins,
    made: MadeKeys,
    scopes: HashMap<Uuid, SagaScope>,
}

/// The number of compared sagas, and of those that differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ComparisonCounts {
    /// The number of sagas.
    pub sagas: u64,
    /// The number of sagas with a difference.
    pub different: u64,
}

#[derive(Debug, Default)]
struct ComparisonSide {
    sagas: ComparedSagas,
    /// By the saga's id in the recording.
    records: BTreeMap<Uuid, Vec<Record>>,
    /// The sagas of messages, for events that have a cause but no saga.
    of_message: HashMap<Uuid, Uuid>,
}

impl Comparison {
    /// Creates a comparison. `expected` are the recording's sagas, `actual` those sent. Fields with `ignored` names are
    /// left out.
    #[must_use]
    pub fn new(expected: ComparedSagas, actual: ComparedSagas, ignored: HashSet<String>) -> Self {
        let side = |sagas| ComparisonSide { sagas, ..ComparisonSide::default() };
        let (expected, actual) = (side(expected), side(actual));
        let (joins, made, scopes) = (Joins::default(), MadeKeys::default(), HashMap::new());
        Self { expected, actual, ignored, joins, made, scopes }
    }

    /// Sets the joins, so that the order of a join's triggers does not matter.
    #[must_use]
    pub fn with_joins(mut self, joins: Joins) -> Self {
        self.joins = joins;
        self
    }

    /// Sets the made keys, whose values are new in every run even from outside.
    #[must_use]
    pub fn with_keys(mut self, made: MadeKeys) -> Self {
        self.made = made;
        self
    }

    /// Limits the comparison of a saga, by its id in the recording.
    pub fn limit(&mut self, saga: Uuid, scope: SagaScope) {
        self.scopes.insert(saga, scope);
    }

    /// Adds an expected record. Returns whether it belongs to a compared saga.
    pub fn expect(&mut self, record: &Record) -> bool {
        self.expected.add(record)
    }

    /// Adds an actual record. Returns whether it belongs to a compared saga.
    pub fn came(&mut self, record: &Record) -> bool {
        self.actual.add(record)
    }

    /// Compares all sagas, and passes each difference to `tell`.
    pub fn finish(self, mut tell: impl FnMut(Difference)) -> ComparisonCounts {
        let mut compared = ComparisonCounts::default();
        let rules =
            ComparisonRules { ignored: &self.ignored, joins: &self.joins, made: &self.made };
        let mut sagas: BTreeMap<Uuid, (Vec<Record>, Vec<Record>)> = BTreeMap::new();
        for (saga, records) in self.expected.records {
            sagas.entry(saga).or_default().0 = records;
        }
        for (saga, records) in self.actual.records {
            sagas.entry(saga).or_default().1 = records;
        }
        for (saga, (expected, actual)) in sagas {
            let scope = self.scopes.get(&saga).copied().unwrap_or_default();
            let of_saga = saga::compare(&saga.to_string(), &expected, &actual, &rules, scope);
            compared.sagas += 1;
            compared.different += u64::from(!of_saga.is_empty());
            of_saga.into_iter().for_each(&mut tell);
        }
        compared
    }
}

impl ComparisonSide {
    fn add(&mut self, record: &Record) -> bool {
        let Some(saga) = self.saga(record) else { return false };
        self.of_message.insert(record.known_as(), saga);
        self.records.entry(saga).or_default().push(record.with_known_id().into_owned());
        true
    }

    /// A record without a saga belongs to that of its cause.
    fn saga(&self, record: &Record) -> Option<Uuid> {
        if let Some(saga) = record.saga_id().and_then(|saga| self.sagas.get(&saga)) {
            return Some(*saga);
        }
        let cause = record.cause().and_then(|cause| Uuid::try_parse(cause).ok())?;
        self.of_message.get(&cause).copied()
    }
}
