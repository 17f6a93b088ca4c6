//! Prints differences.

use ballet::core::StepPart;
use ballet_ops::stream::Difference;
use serde_json::json;

use crate::base::systems::loaded_system;
use crate::base::ui::{self, Output};

/// The maximum number of differences that are listed, except by -o jsonl.
const MOST: usize = 100;

pub(crate) struct DifferenceReport {
    output: Output,
    count: usize,
    shown: String,
    last: String,
    of_last: Vec<Vec<String>>,
    following: u64,
}

impl DifferenceReport {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            output,
            count: 0,
            shown: String::new(),
            last: String::new(),
            of_last: Vec::new(),
            following: 0,
        }
    }

    pub(crate) fn show(&mut self, difference: &Difference) {
        let step = step(difference);
        let follows = self.follows(difference);
        if follows {
            self.following += 1;
        } else {
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
