//! What those who live in the town share.

use std::sync::Arc;

use ballet_trials::{Dice, Site};
use tokio::sync::watch;

use crate::town::plan::Plan;
use crate::town::seen::Seen;

/// The town, as those who live in it have it.
#[derive(Debug)]
pub(crate) struct Town {
    pub(crate) site: Arc<Site>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) crossings: Vec<usize>,
    pub(crate) seen: watch::Receiver<Arc<Seen>>,
    /// While it is calm, nobody orders a ride.
    pub(crate) calm: watch::Receiver<bool>,
}

impl Town {
    /// One of the corners.
    pub(crate) fn crossing(&self, dice: &mut Dice) -> usize {
        dice.pick(&self.crossings).copied().unwrap_or_default()
    }
}
