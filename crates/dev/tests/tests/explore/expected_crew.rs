//! The engine's table in its shortest form: what the crew must have done after an order of inputs.

use serde_json::{Value, json};
use uuid::Uuid;

/// In a saga of the crew, or in the other saga under its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum CrewInput {
    Hire(&'static str),
    Dismiss(&'static str),
    Rent(&'static str),
    Return(&'static str),
    Answer(&'static str),
    Insure(&'static str),
    Lapse(&'static str),
    Arrange,
    Pay,
    Ship,
    Carry(u32),
    Abort,
    EndCover,
}

impl CrewInput {
    /// Whether it undoes something: after a restore that waits.
    pub(crate) fn takes_back(self) -> bool {
        matches!(
            self,
            Self::Dismiss(_) | Self::Return(_) | Self::Lapse(_) | Self::Abort | Self::EndCover
        )
    }
}

const SALE: &str = "sale";
const COVER: &str = "cover";
const LOADED_ON: [&str; 2] = ["sales.arranged.v1", "sales.paid.v1"];
const UNLOADED_ON: [&str; 3] = ["sales.arranged.v1", "sales.shipped.v1", "sales.paid.v1"];
const VERSIONS: [&str; 2] = ["carry", "carry_v2"];

/// Step, key, entry, and the event that arrived.
pub(crate) type ExpectedRow = [&'static str; 4];

#[derive(Debug)]
pub(crate) struct ExpectedCrew {
    saga: Uuid,
    rate: f64,
    pub(crate) rows: Vec<ExpectedRow>,
    pub(crate) told: Vec<(&'static str, Value)>,
    pub(crate) dead: usize,
    held: Vec<&'static str>,
}

impl ExpectedCrew {
    pub(crate) fn after(saga: Uuid, rate: f64, order: &[CrewInput]) -> Self {
        let held = order.iter().filter_map(|thing| match thing {
            CrewInput::Answer(who) => Some(*who),
            _ => None,
        });
        let (rows, told) = (Vec::new(), Vec::new());
        let mut crew = Self { saga, rate, rows, told, dead: 0, held: held.collect() };
        order.iter().for_each(|thing| crew.take(*thing));
        crew
    }

    fn take(&mut self, thing: CrewInput) {
        match thing {
            CrewInput::Hire(who) => self.run("hire", who),
            CrewInput::Insure(who) => self.run("insure", who),
            CrewInput::Rent(who) => {
                if self.admits("rent", who) {
                    self.rows.push(["rent", who, "calling", ""]);
                    self.answer(who);
                }
            }
            CrewInput::Answer(who) => {
                self.held.retain(|held| *held != who);
                self.answer(who);
            }
            CrewInput::Dismiss(who) => self.take_back("hire", who),
            CrewInput::Return(who) => self.take_back("rent", who),
            CrewInput::Lapse(who) => self.take_back("insure", who),
            CrewInput::Arrange => {
                self.arrive("load", "sales.arranged.v1");
                self.arrive("unload", "sales.arranged.v1");
            }
            CrewInput::Pay => {
                self.arrive("load", "sales.paid.v1");
                self.arrive("unload", "sales.paid.v1");
            }
            CrewInput::Ship => self.arrive("unload", "sales.shipped.v1"),
            CrewInput::Carry(version) => {
                let [step, other] =
                    if version == 1 { VERSIONS } else { [VERSIONS[1], VERSIONS[0]] };
                let is_of_other = self.state(other, "").is_some();
                match self.admits(step, "") {
                    true if is_of_other => self.dead += 1,
                    true => self.done(step, ""),
                    false => {}
                }
            }
            CrewInput::Abort => self.abort(SALE),
            CrewInput::EndCover => self.abort(COVER),
        }
    }

    /// The latest entry is the furthest.
    fn state(&self, step: &str, key: &str) -> Option<&'static str> {
        let of_step = |row: &&ExpectedRow| row[..2] == [step, key];
        let mut states = self.rows.iter().rev().filter(of_step).map(|row| row[2]);
        states.find(|entry| !["arrived", "aborted"].contains(entry))
    }

    fn is_aborted(&self, saga: &'static str) -> bool {
        self.rows.contains(&["", saga, "aborted", ""])
    }

    fn is_taken_back(&self, step: &str, key: &str) -> bool {
        self.is_aborted(saga_of(step))
            || self.rows.iter().any(|row| row[..3] == [step, key, "aborted"])
    }

    fn admits(&self, step: &str, key: &str) -> bool {
        !self.is_taken_back(step, key) && self.state(step, key).is_none()
    }

    fn run(&mut self, step: &'static str, key: &'static str) {
        if self.admits(step, key) {
            self.done(step, key);
        }
    }

    fn done(&mut self, step: &'static str, key: &'static str) {
        self.rows.push([step, key, "done", ""]);
        let saga = self.saga;
        let rate = self.rate;
        self.told.push(match step {
            "hire" => ("crew.hired.v1", json!({"saga": saga, "hired": key, "rate": rate})),
            "rent" => ("crew.rented.v1", json!({"saga": saga, "rented": key, "rate": rate})),
            "insure" => ("crew.insured.v1", json!({"saga": saga, "insured": key, "rate": rate})),
            "load" => ("crew.loaded.v1", json!({"first": saga, "second": saga})),
            "unload" => ("crew.unloaded.v1", json!({"first": saga, "second": saga, "third": saga})),
            "carry" => ("crew.carried.v1", json!({"version": 1})),
            _ => ("crew.carried.v1", json!({"version": 2})),
        });
    }

    fn answer(&mut self, who: &'static str) {
        if self.held.contains(&who) || self.state("rent", who) != Some("calling") {
            return;
        }
        if !self.is_taken_back("rent", who) {
            return self.done("rent", who);
        }
        self.rows.push(["rent", who, "done", ""]);
        if self.is_aborted(SALE) { self.go_on(SALE) } else { self.undo("rent", who) }
    }

    fn arrive(&mut self, step: &'static str, event: &'static str) {
        let of_the_join: &[_] = if step == "load" { &LOADED_ON } else { &UNLOADED_ON };
        let row = |event| [step, "", "arrived", event];
        if self.admits(step, "") && !self.rows.contains(&row(event)) {
            self.rows.push(row(event));
            if of_the_join.iter().all(|event| self.rows.contains(&row(event))) {
                self.done(step, "");
            }
        }
    }

    fn take_back(&mut self, step: &'static str, key: &'static str) {
        if !self.is_taken_back(step, key) {
            self.rows.push([step, key, "aborted", ""]);
            if self.state(step, key) == Some("done") {
                self.undo(step, key);
            }
        }
    }

    fn abort(&mut self, saga: &'static str) {
        if !self.is_aborted(saga) {
            self.rows.push(["", saga, "aborted", ""]);
            self.go_on(saga);
        }
    }

    /// Undoes the latest first, unless a call is out.
    fn go_on(&mut self, saga: &str) {
        let rows = self.rows.clone();
        let is_out = |row: &ExpectedRow| self.state(row[0], row[1]) == Some("calling");
        if rows.iter().any(|row| saga_of(row[0]) == saga && is_out(row)) {
            return;
        }
        for [step, key, entry, _] in rows.into_iter().rev() {
            let stands = entry == "done" && self.state(step, key) == Some("done");
            if stands && saga_of(step) == saga && ["hire", "rent", "insure"].contains(&step) {
                self.undo(step, key);
            }
        }
    }

    fn undo(&mut self, step: &'static str, key: &'static str) {
        if step == "rent" {
            self.rows.push([step, key, "undoing", ""]);
        }
        self.rows.push([step, key, "undone", ""]);
        let told = match step {
            "hire" => "crew.dismissed.v1",
            "rent" => "crew.returned.v1",
            _ => "crew.lapsed.v1",
        };
        self.told.push((told, json!({"saga": self.saga, "who": key, "rate": self.rate})));
    }

    /// Returns each note in order, with whether it is struck out.
    pub(crate) fn notes(&self) -> Vec<(String, String, bool)> {
        let mut notes = Vec::new();
        for [step, key, entry, _] in &self.rows {
            if *entry == "done" && ["hire", "insure"].contains(step) {
                let is_struck = self.state(step, key) == Some("undone");
                notes.push(((*step).to_owned(), (*key).to_owned(), is_struck));
            }
        }
        notes.sort();
        notes
    }

    pub(crate) fn rents_for(&self, who: &str) -> bool {
        self.state("rent", who) == Some("done")
    }
}

fn saga_of(step: &str) -> &'static str {
    if step == "insure" { COVER } else { SALE }
}
