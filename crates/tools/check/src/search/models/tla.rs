//! A model as a module of TLA+.

use std::fmt::Write as _;

use crate::search::models::{Condition, Effect, Facts, SagaModel, Words};

/// The settings for a checker of the modules, in TLC's form.
pub const SETTINGS: &str = "INIT Init\nNEXT Next\nINVARIANT EndsWell\nINVARIANT DecidedOnce\n";

const WORDS: Words = Words { not: "~", and: " /\\ ", or: " \\/ ", yes: "TRUE", no: "FALSE" };

impl SagaModel {
    /// Returns the module, whose name is the model's.
    #[must_use]
    pub fn tla(&self) -> String {
        let steps: Vec<String> = self.steps.iter().map(|step| format!("{step:?}")).collect();
        let mut text = format!(
            "---- MODULE {} ----\n\
             VARIABLES entry, out, tomb, arrived, back\n\
             vars == <<entry, out, tomb, arrived, back>>\n\n\
             Steps == {{{}}}\n\
             Init == /\\ entry = [s \\in Steps |-> \"nothing\"]\n        /\\ out = {{}}\n        /\\ tomb = {{}}\n        \
             /\\ arrived = {{}}\n        /\\ back = {{}}\n\n",
            self.name,
            steps.join(", "),
        );
        // Writing to a text never fails.
        for (name, condition) in &self.definitions {
            writeln!(text, "{name} == {}", condition.text(&WORDS, &alone)).ok();
        }
        for action in &self.actions {
            let (name, then) = (&action.name, then(&action.then));
            write!(text, "\nDo{name} ==\n    /\\ Can{name}\n{then}").ok();
        }
        let next: Vec<String> =
            self.actions.iter().map(|action| format!("Do{}", action.name)).collect();
        let next = next.join(" \\/ ");
        write!(
            text,
            "\nNext == ({next})\n        \\/ (Rests /\\ UNCHANGED vars)\n\
             Spec == Init /\\ [][Next]_vars\n====\n"
        )
        .ok();
        text
    }
}

fn alone(condition: &Condition) -> String {
    match condition {
        Condition::Entry(step, entry) => format!("entry[{step:?}] = {entry:?}"),
        Condition::Has(facts, name) => format!("{name:?} \\in {}", facts.as_str()),
        Condition::Defined(name) => name.clone(),
        // They are combined.
        Condition::Not(_) | Condition::All(_) | Condition::Any(_) => String::new(),
    }
}

fn then(effect: &Effect) -> String {
    let (mut text, mut same) = (String::new(), Vec::new());
    let mut line = |name: &'static str, value: Option<String>| match value {
        Some(value) => text += &format!("    /\\ {name}' = {value}\n"),
        None => same.push(name),
    };
    let entry = effect.entry.as_ref();
    line("entry", entry.map(|(step, entry)| format!("[entry EXCEPT ![{step:?}] = {entry:?}]")));
    for facts in Facts::ALL {
        let names = effect.adds.iter().filter(|(to, _)| *to == facts);
        let names: Vec<String> = names.map(|(_, name)| format!("{name:?}")).collect();
        let more = || format!("{} \\union {{{}}}", facts.as_str(), names.join(", "));
        line(facts.as_str(), (!names.is_empty()).then(more));
    }
    text + &format!("    /\\ UNCHANGED <<{}>>\n", same.join(", "))
}
