//! Loyalty as a program that is known by its contract alone: the one in Python, and some with a fault, which must be
//! found. The cashier of `concepts` does so in Rust.

mod alone;
mod contract;
mod faults;
#[path = "../../src/main.rs"]
mod loyalty;
mod retries;

use std::path::Path;
use std::time::Duration;

use ballet_stage::{left_out, python};
use ballet_testkit::participant::{Program, ProgramSuite};
use futures_util::{StreamExt, stream};
use tokio::sync::Mutex;

use crate::alone::PYTHON;
use crate::contract::in_python;
use crate::faults::FAULTS;
use crate::loyalty::Loyalty;

/// One after the other, since each keeps the machine busy.
static TURN: Mutex<()> = Mutex::const_new(());
/// The wait for what a faulty program loses.
const SOON: Duration = Duration::from_secs(12);
/// The number of shares of the faults. `BALLET_TURN` says which one is tried; without it all are.
const SHARES: usize = 18;

fn program_in_python(python: &Path, dir: &Path) -> Program {
    // Otherwise a fault's modules could be those that were compiled before.
    Program::new(python).args(["-m", "loyalty"]).dir(dir).env("PYTHONDONTWRITEBYTECODE", "1")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_in_python_keeps_the_contract_whatever_happens_to_it() {
    let Some(python) = python().await else { return left_out(PYTHON) };
    let _turn = TURN.lock().await;
    let program = program_in_python(&python, &faults::original());
    ProgramSuite::new(program, in_python()).check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_is_found_by_its_scenario() {
    let Some(python) = &python().await else { return left_out(PYTHON) };
    let _turn = TURN.lock().await;
    let turn: Option<usize> =
        std::env::var("BALLET_TURN").ok().map(|turn| turn.parse().expect("a number"));
    let is_in_turn = |number| turn.is_none_or(|turn| number % SHARES == turn % SHARES);
    let tried = FAULTS.iter().enumerate().filter(|(number, _)| is_in_turn(*number));
    let missed = stream::iter(tried.map(|(_, fault)| fault))
        .map(|fault| async move {
            let copy = fault.copy();
            let program = program_in_python(python, copy.dir());
            let suite = ProgramSuite::new(program, in_python()).patience(SOON);
            let mut ended = suite.run(fault.scenario).await;
            eprintln!("{}: {} ended", fault.name, fault.scenario);
            if !ended.as_ref().is_err_and(|wrong| wrong.contains(fault.says)) {
                // Most scenarios are races, which a fault may win once, and a busy machine may be slower than we
                // wait.
                ended = suite.run(fault.scenario).await;
                eprintln!("{}: {} ended again", fault.name, fault.scenario);
            }
            match ended {
                Ok(()) => Some(format!("{}: {} passes", fault.name, fault.scenario)),
                Err(wrong) if wrong.contains(fault.says) => None,
                Err(wrong) => Some(format!("{}: fails otherwise: {wrong}", fault.name)),
            }
        })
        .buffer_unordered(4)
        .filter_map(std::future::ready)
        .collect::<Vec<_>>()
        .await;
    assert!(missed.is_empty(), "{}", missed.join("\n\n"));
}

#[test]
fn each_fault_fits_the_program() {
    for fault in FAULTS {
        drop(fault.copy());
    }
}

#[test]
fn each_scenario_can_fail() {
    // Loyalty neither refuses nor joins nor calls; a test of `ballet-testkit` and the cashier of `concepts` do.
    let suite = ProgramSuite::new(Program::new("none"), in_python());
    for scenario in suite.scenarios() {
        let found = FAULTS.iter().any(|fault| fault.scenario == scenario);
        assert!(found, "no fault shows that {scenario} finds something");
    }
}

#[test]
fn the_guide_shows_the_declaration_that_is_tried() {
    let guide = include_str!("../../../../docs/join-from-any-language.md");
    let contract = include_str!("../../../python-loyalty/loyalty.json");
    assert!(guide.contains(contract), "run cargo xtask generate");
}

#[test]
fn the_declaration_by_hand_is_that_of_the_service_in_rust() {
    assert_eq!(in_python().part, Loyalty::participant().part());
}
