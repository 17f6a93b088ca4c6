//! The same design for other checkers, in TLA+ and in P: a second opinion. Its moves and its ends are written apart from
//! those of the search. What hangs is an invariant here: no move leads back, so a run hangs if and only if some run
//! rests at last without a good end.

mod p;
mod rules;
mod tla;

use ballet_core::{Graph, System};

pub use self::tla::SETTINGS;
use crate::search::design::Design;

/// A version of a saga, for other checkers.
#[derive(Debug, Clone)]
pub struct SagaModel {
    /// The model's name, which its files have to have.
    pub name: String,
    steps: Vec<String>,
    /// Each uses only those before it.
    definitions: Vec<(String, Condition)>,
    actions: Vec<Action>,
}

/// Returns each version of each saga. Its definitions `EndsWell` and `DecidedOnce` have to hold in every state.
#[must_use]
pub fn models(system: &System) -> Vec<SagaModel> {
    let graph = Graph::new(system.clone());
    let mut all = Vec::new();
    for saga in graph.sagas() {
        for version in graph.versions(saga) {
            let name = format!("{saga}_{version}");
            let graph = graph.in_version(saga, version);
            all.push(rules::model(name, &Design::new(system, &graph, saga)));
        }
    }
    all
}

/// What happens if its definition `Can...` holds.
#[derive(Debug, Clone)]
struct Action {
    name: String,
    then: Effect,
}

#[derive(Debug, Clone, Default)]
struct Effect {
    /// A step's new entry.
    entry: Option<(String, &'static str)>,
    adds: Vec<(Facts, String)>,
}

/// Facts of a run besides the entries of its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Facts {
    /// The events that were published.
    Out,
    /// The services with a tombstone.
    Tomb,
    /// The parts of joins that have arrived.
    Arrived,
    /// The steps that were taken back.
    Back,
}

impl Facts {
    const ALL: [Self; 4] = [Self::Out, Self::Tomb, Self::Arrived, Self::Back];

    fn as_str(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Tomb => "tomb",
            Self::Arrived => "arrived",
            Self::Back => "back",
        }
    }
}

#[derive(Debug, Clone)]
enum Condition {
    /// A definition holds.
    Defined(String),
    /// A step has this entry.
    Entry(String, &'static str),
    Has(Facts, String),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

/// How a language combines conditions.
struct Words {
    not: &'static str,
    and: &'static str,
    or: &'static str,
    yes: &'static str,
    no: &'static str,
}

impl Condition {
    /// `alone` writes one that combines no others.
    fn text(&self, words: &Words, alone: &impl Fn(&Self) -> String) -> String {
        let joined = |all: &[Self], between: &str, none: &str| match all {
            [] => none.to_owned(),
            [one] => one.text(words, alone),
            _ => {
                let all: Vec<String> = all.iter().map(|one| one.text(words, alone)).collect();
                format!("({})", all.join(between))
            }
        };
        match self {
            Self::Not(one) => format!("{}({})", words.not, one.text(words, alone)),
            Self::All(all) => joined(all, words.and, words.yes),
            Self::Any(all) => joined(all, words.or, words.no),
            Self::Defined(_) | Self::Entry(..) | Self::Has(..) => alone(self),
        }
    }
}
