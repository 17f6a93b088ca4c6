//! The path of each line between two boxes: along the gaps between rows, and the gutters beside lanes.

use std::collections::{BTreeMap, BTreeSet};

use crate::pages::lanes::plan::LanePlan;

/// In pixels, like the next constants.
pub(super) const LANE: usize = 136;
pub(super) const BOX: usize = 112;
pub(super) const LINE: usize = 15;
pub(super) const PAD: usize = 7;
pub(super) const HEAD: usize = 34;
const GAP: usize = 18;
const TRACK: usize = 8;

#[derive(Debug)]
pub(super) struct RoutedPlan {
    pub(super) tops: Vec<usize>,
    pub(super) bottom: usize,
    pub(super) lines: Vec<RoutedLine>,
}

/// The corners of a line from the box that publishes an event to one that it triggers.
#[derive(Debug)]
pub(super) struct RoutedLine {
    pub(super) lane: usize,
    pub(super) corners: Vec<(usize, usize)>,
}

/// The tracks in the gap above a row, or in the gutter on the left of a lane: one for each publisher.
type Tracks = BTreeMap<usize, BTreeSet<usize>>;

pub(super) fn route(plan: &LanePlan) -> RoutedPlan {
    let (mut gaps, mut gutters) = (Tracks::new(), Tracks::new());
    for (to, target) in plan.boxes.iter().enumerate() {
        for from in &target.causes {
            let source = &plan.boxes[*from];
            gaps.entry(source.row + 1).or_default().insert(*from);
            if is_far(plan, *from, to) {
                gaps.entry(target.row).or_default().insert(*from);
                gutters.entry(target.lane).or_default().insert(*from);
            }
        }
    }
    let tracks = |row: usize| gaps.get(&row).map_or(0, BTreeSet::len);
    let (mut tops, mut y) = (Vec::new(), HEAD);
    for row in 0..plan.rows {
        y += GAP + TRACK * tracks(row);
        tops.push(y);
        let in_row = plan.boxes.iter().filter(|one| one.row == row);
        y += in_row.map(|one| height(one.lines.len())).max().unwrap_or(0);
    }
    let mut lines = Vec::new();
    for (to, target) in plan.boxes.iter().enumerate() {
        for (place, from) in target.causes.iter().enumerate() {
            let source = &plan.boxes[*from];
            let track = |tracks: &Tracks, at: usize| {
                let publishers = tracks.get(&at).into_iter().flatten();
                publishers.take_while(|one| *one != from).count()
            };
            let gap = |row: usize| tops[row] - GAP / 2 - TRACK * track(&gaps, row);
            let out = middle(source.lane);
            let into = target.lane * LANE
                + (LANE - BOX) / 2
                + BOX * (place + 1) / (target.causes.len() + 1);
            let mut corners = vec![(out, tops[source.row] + height(source.lines.len()))];
            corners.push((out, gap(source.row + 1)));
            if is_far(plan, *from, to) {
                let gutter = target.lane * LANE + 3 + 4 * track(&gutters, target.lane);
                corners.push((gutter, gap(source.row + 1)));
                corners.push((gutter, gap(target.row)));
                corners.push((into, gap(target.row)));
            } else {
                corners.push((into, gap(source.row + 1)));
            }
            corners.push((into, tops[target.row]));
            corners.dedup();
            lines.push(RoutedLine { lane: source.lane, corners });
        }
    }
    RoutedPlan { tops, bottom: y, lines }
}

/// Whether there is a row between them.
fn is_far(plan: &LanePlan, from: usize, to: usize) -> bool {
    plan.boxes[to].row > plan.boxes[from].row + 1
}

pub(super) const fn height(lines: usize) -> usize {
    lines * LINE + 2 * PAD
}

pub(super) const fn middle(lane: usize) -> usize {
    lane * LANE + LANE / 2
}
