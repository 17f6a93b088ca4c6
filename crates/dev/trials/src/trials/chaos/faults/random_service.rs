//! Chooses what a fault is about.

use anyhow::{Context, Result};

use crate::dice::Dice;
use crate::running::long_run::LongRun;

pub(super) fn random_service(run: &LongRun, dice: &mut Dice) -> Result<&'static str> {
    let services = run.services();
    dice.pick(&services).copied().context("the system has no services")
}
