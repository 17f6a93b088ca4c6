//! A model as a program of P: one machine, which chooses a move in each of its states. A fact is a variable: a set would
//! make states differ by the order of what came.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::search::models::{Condition, Facts, SagaModel, Words};

const WORDS: Words = Words { not: "!", and: " && ", or: " || ", yes: "true", no: "false" };

impl SagaModel {
    /// Returns the program, whose test case is `run`.
    #[must_use]
    pub fn p(&self) -> String {
        let adds = self.actions.iter().flat_map(|action| &action.then.adds);
        let named = adds.map(|(facts, name)| (facts.as_str(), &**name));
        let steps = self.steps.iter().map(|step| ("entry", &**step));
        let variables: Vec<_> = named.chain(steps).collect::<BTreeSet<_>>().into_iter().collect();
        // A fact that nothing adds never holds.
        let variable = |of: &str, name: &str| {
            let at = variables.iter().position(|known| *known == (of, name));
            at.map(|at| format!("{of}{at}"))
        };
        let entry = |step: &str| variable("entry", step).unwrap_or_default();
        let has = |facts: Facts, name: &str| variable(facts.as_str(), name);
        let alone = |condition: &Condition| match condition {
            Condition::Entry(step, is) => format!("({} == {is:?})", entry(step)),
            Condition::Has(facts, name) => has(*facts, name).unwrap_or_else(|| WORDS.no.to_owned()),
            Condition::Defined(name) => format!("{name}()"),
            // They are combined.
            Condition::Not(_) | Condition::All(_) | Condition::Any(_) => String::new(),
        };
        let mut text = "event eNext;\n\nmachine Run {\n".to_owned();
        // Writing to a text never fails.
        for (at, (of, name)) in variables.iter().enumerate() {
            let sort = if *of == "entry" { "string" } else { "bool" };
            writeln!(text, "  var {of}{at}: {sort}; // {name}").ok();
        }
        for (name, condition) in &self.definitions {
            let condition = condition.text(&WORDS, &alone);
            writeln!(text, "  fun {name}(): bool {{ return {condition}; }}").ok();
        }
        text += "  start state Running {\n    entry {\n";
        for step in &self.steps {
            writeln!(text, "      {} = \"nothing\";", entry(step)).ok();
        }
        text += "      send this, eNext;\n    }\n    on eNext do Move;\n  }\n  fun Move() {\n    \
                 var can: seq[int];\n    var chosen: int;\n    \
                 assert DecidedOnce(), \"it is decided twice\";\n    \
                 assert EndsWell(), \"it rests without a good end\";\n";
        for (at, action) in self.actions.iter().enumerate() {
            writeln!(text, "    if (Can{}()) {{ can += (sizeof(can), {at}); }}", action.name).ok();
        }
        text += "    if (sizeof(can) == 0) { return; }\n    chosen = choose(can);\n";
        for (at, action) in self.actions.iter().enumerate() {
            write!(text, "    if (chosen == {at}) {{").ok();
            if let Some((step, is)) = &action.then.entry {
                write!(text, " {} = {is:?};", entry(step)).ok();
            }
            for fact in action.then.adds.iter().filter_map(|(facts, name)| has(*facts, name)) {
                write!(text, " {fact} = true;").ok();
            }
            text += " }\n";
        }
        text + "    send this, eNext;\n  }\n}\n\ntest run [main=Run]: {Run};\n"
    }
}
