//! Prints differences, and the number of sagas with each kind first.

use std::collections::HashMap;

use ballet::core::StepPart;
use ballet_ops::stream::{Difference, DifferenceKind};
use serde_json::json;

use crate::base::systems::loaded_system;
use crate::base::ui::{self, Output};

/// The maximum number of differences that are listed, except by -o jsonl.
const MOST: usize = 100;
const KINDS: usize = 10;

pub(crate) struct DifferenceReport {
    output: Output,
    count: usize,
    shown: String,
    last: String,
    of_last: Vec<Vec<String>>,
    kinds: HashMap<String, KindCounts>,
    following: u64,
}

/// The same change of the same event.
#[derive(Default)]
struct KindCounts {
    sagas: u64,
    last: String,
    /// The earliest difference is closest to the cause.
    before: usize,
}

impl DifferenceReport {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            output,
            count: 0,
            shown: String::new(),
            last: String::new(),
            of_last: Vec::new(),
            kinds: HashMap::new(),
            following: 0,
        }
    }

    pub(crate) fn show(&mut self, difference: &Difference) {
        let step = step(difference);
        let follows = self.follows(difference);
        if follows {
            self.following += 1;
        } else {
            self.add(difference, step.as_deref());
            self.count += 1;
        }
        if self.output != Output::Table {
            let mut line = json!(difference);
            if let (Some(step), Some(line)) = (step, line.as_object_mut()) {
                line.insert("step".to_owned(), step.into());
            }
            ui::raw(&line.to_string());
            return;
        }
        if follows || self.count > MOST {
            return;
        }
        if self.shown != difference.saga {
            ui::print(&format!("saga {}", difference.saga));
            self.shown.clone_from(&difference.saga);
        }
        let (causes, _) = difference.path.split_at(difference.path.len().saturating_sub(1));
        let step = step.map(|step| format!("in {step}"));
        let after = (!causes.is_empty()).then(|| format!("after {}", causes.join(", ")));
        let place: Vec<_> = step.into_iter().chain(after).collect();
        let place = match &*place.join(", ") {
            "" => String::new(),
            place => ui::dim(&format!("  ({place})")),
        };
        ui::print(&format!("  {}{place}", ballet_ops::terminal::plain(&difference.to_string())));
    }

    /// Says how many were not shown.
    pub(crate) fn end(&self) {
        if self.output == Output::Table && self.count > MOST {
            let more = ui::grouped(self.count - MOST);
            ui::print(&format!("and {more} more differences: -o jsonl lists them all"));
        }
        if self.output == Output::Table && self.following > 0 {
            let (number, s) =
                (ui::grouped(self.following), if self.following == 1 { "s" } else { "" });
            ui::print(&format!(
                "{number} more follow{s} from these, in events that they led to: -o jsonl lists them too"
            ));
        }
    }

    /// Whether an earlier event of its path differs. A saga's differences come in the order of their paths.
    fn follows(&mut self, difference: &Difference) -> bool {
        if self.last != difference.saga {
            self.last.clone_from(&difference.saga);
            self.of_last.clear();
        }
        let path = &difference.path;
        let follows =
            self.of_last.iter().any(|led| led.len() < path.len() && path.starts_with(led));
        if !follows && self.of_last.last() != Some(path) {
            self.of_last.push(path.clone());
        }
        follows
    }

    /// The most frequent kind first.
    pub(crate) fn sum_up(&self) {
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        kinds.sort_by_key(|(name, kind)| {
            (std::cmp::Reverse(kind.sagas), kind.before, name.as_str())
        });
        for (name, kind) in kinds.iter().take(KINDS) {
            let s = if kind.sagas == 1 { " " } else { "s" };
            ui::say(&format!("{:>7} saga{s}  {name}", ui::grouped(kind.sagas)));
        }
        if kinds.len() > KINDS {
            ui::say(&format!("and {} more kinds of differences", kinds.len() - KINDS));
        }
    }

    fn add(&mut self, difference: &Difference, step: Option<&str>) {
        let event = difference.path.last().map_or("", String::as_str);
        let what = match &difference.change {
            DifferenceKind::Missing { .. } => format!("- {event} is missing"),
            DifferenceKind::New { .. } => format!("+ {event} is new"),
            DifferenceKind::Field { pointer, .. } => {
                format!("~ {event} {}", without_places(pointer))
            }
        };
        let step = step.map_or(String::new(), |step| format!("  (in {step})"));
        let name = ballet_ops::terminal::plain(&format!("{what}{step}")).to_string();
        let kind = self.kinds.entry(name).or_default();
        if kind.last != difference.saga {
            kind.last.clone_from(&difference.saga);
            let before = difference.path.len();
            kind.before = if kind.sagas == 0 { before } else { kind.before.min(before) };
            kind.sagas += 1;
        }
    }
}

/// The JSON pointer with a star for each index in a list.
fn without_places(pointer: &str) -> String {
    let is_place = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = pointer.split('/').map(|part| if is_place(part) { "*" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn step(difference: &Difference) -> Option<String> {
    let (event, causes) = difference.path.split_last()?;
    let publishes = |step: &StepPart| {
        let outcomes = [Some(step.done), step.refused, step.compensated];
        outcomes.into_iter().flatten().any(|outcome| outcome.name() == event)
    };
    let follows = |step: &StepPart| {
        let cause = causes.last();
        step.on.iter().any(|on| cause.is_some_and(|cause| on.name() == cause))
    };
    let parts = &loaded_system()?.parts;
    let steps: Vec<_> = parts
        .iter()
        .flat_map(|part| part.sagas.iter().map(move |saga| (part.service, saga)))
        .flat_map(|(service, saga)| saga.steps.iter().map(move |step| (service, step)))
        .filter(|(_, step)| publishes(step))
        .collect();
    let (service, step) = match &steps[..] {
        [only] => only,
        several => several.iter().find(|(_, step)| follows(step))?,
    };
    Some(format!("{} of {service}", step.name))
}
