//! No two files import each other, over any number of steps.

use super::circles::{Between, circles};
use crate::house::arrows::Arrows;
use crate::house::finding::{Finding, Rule};

pub(in crate::house) fn files(arrows: &Arrows) -> Vec<Finding> {
    let between: Between<'_> = arrows
        .all
        .iter()
        .map(|(pair, names)| (pair.clone(), vec![(&*pair.0, &*pair.1, names)]))
        .collect();
    circles(&between, Rule::Files, |_| true)
}
