//! The made-up town. Everything is computed, so it is the same in every demo.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use rides_events::Point;
use serde::Serialize;

pub(crate) const NAME: &str = "Arabesque";
/// The map's size, in meters.
pub(crate) const WIDTH: f64 = 6_600.0;
pub(crate) const HEIGHT: f64 = 4_400.0;
/// In degrees, in the middle of an ocean, far from all other places of trials.
const NORTH: f64 = 60.04;
const WEST: f64 = -30.06;
const METERS_PER_DEGREE: f64 = 111_195.0;
/// The numbers of streets in both directions, bent around the old town.
const ACROSS: usize = 19;
const DOWN: usize = 13;
const BLOCK: f64 = 350.0;
const BESIDE_WATER: f64 = 135.0;
const OLD_TOWN: MapPoint = MapPoint { x: 2_450.0, y: 1_500.0 };
/// Streets that cross the river.
const BRIDGES: [usize; 6] = [2, 5, 7, 10, 13, 16];
/// Parks, by their north-western corners.
const PARKS: [(usize, usize); 9] =
    [(11, 2), (12, 2), (11, 3), (12, 3), (3, 10), (4, 10), (15, 5), (9, 11), (1, 3)];

const NAMES: [MapLabel; 5] = [
    MapLabel {
        text: "Révérence",
        of: "water",
        at: MapPoint { x: 4_330.0, y: 2_490.0 },
        turn: 0.02,
    },
    MapLabel { text: "Old Town", of: "quarter", at: OLD_TOWN, turn: 0.0 },
    MapLabel {
        text: "Port de Bras",
        of: "quarter",
        at: MapPoint { x: 1_180.0, y: 3_760.0 },
        turn: 0.0,
    },
    MapLabel {
        text: "Grand Jeté",
        of: "quarter",
        at: MapPoint { x: 5_350.0, y: 1_150.0 },
        turn: 0.0,
    },
    MapLabel {
        text: "Demi-Pointe",
        of: "quarter",
        at: MapPoint { x: 4_700.0, y: 3_720.0 },
        turn: 0.0,
    },
];

/// A place in the town, in meters from its north-western corner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct MapPoint {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

impl MapPoint {
    pub(crate) fn to(self, other: Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// Returns the point at `share` of the way from this place to the other.
    pub(crate) fn towards(self, other: Self, share: f64) -> Self {
        Self { x: self.x + (other.x - self.x) * share, y: self.y + (other.y - self.y) * share }
    }

    pub(crate) fn on_earth(self) -> Option<Point> {
        Point::new(
            NORTH - self.y / METERS_PER_DEGREE,
            WEST + self.x / METERS_PER_DEGREE / NORTH.to_radians().cos(),
        )
    }

    /// `None` if it is not on the town's map.
    pub(crate) fn in_town(at: Point) -> Option<Self> {
        let x = (at.lon() - WEST) * METERS_PER_DEGREE * NORTH.to_radians().cos();
        let y = (NORTH - at.lat()) * METERS_PER_DEGREE;
        ((0.0..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y)).then_some(Self { x, y })
    }
}

/// The plan of the town, for the map and for the drivers.
#[derive(Debug, Serialize)]
pub(crate) struct TownPlan {
    name: &'static str,
    width: f64,
    height: f64,
    river: Vec<MapPoint>,
    parks: Vec<Vec<MapPoint>>,
    names: [MapLabel; 5],
    /// Broad streets come last: they are drawn above the others.
    streets: Vec<Street>,
    #[serde(skip)]
    corners: Vec<MapPoint>,
    /// The corners to which a street leads, for each corner.
    #[serde(skip)]
    next: Vec<Vec<usize>>,
}

/// A label on the map.
#[derive(Debug, Clone, Copy, Serialize)]
struct MapLabel {
    text: &'static str,
    of: &'static str,
    at: MapPoint,
    /// In radians, clockwise.
    turn: f64,
}

#[derive(Debug, Serialize)]
struct Street {
    is_broad: bool,
    line: Vec<MapPoint>,
}

impl TownPlan {
    pub(crate) fn new() -> Self {
        let mut plan = Self {
            name: NAME,
            width: WIDTH,
            height: HEIGHT,
            river: (0..=66).map(|step| f64::from(step) * 100.0).map(river).collect(),
            parks: Vec::new(),
            names: NAMES,
            streets: Vec::new(),
            corners: Vec::new(),
            next: Vec::new(),
        };
        let numbers = number_corners(&mut plan);
        let down = (0..ACROSS).map(|column| {
            let line = (0..DOWN).map(|row| numbers.get(&(column, row)).copied()).collect();
            (column % 4 == 2, BRIDGES.contains(&column), line)
        });
        let across = (0..DOWN).map(|row| {
            let line = (0..ACROSS).map(|column| numbers.get(&(column, row)).copied()).collect();
            (row % 4 == 2, false, line)
        });
        let bundles: Vec<(bool, bool, Vec<Option<usize>>)> = down.chain(across).collect();
        for (is_broad, has_bridge, line) in bundles {
            plan.lay(is_broad, has_bridge, &line);
        }
        plan.streets.sort_by_key(|street| street.is_broad);
        plan.parks = PARKS.iter().filter_map(|park| plan.park(&numbers, *park)).collect();
        plan.keep_what_is_connected();
        plan
    }

    /// A street is interrupted where a corner is missing, unless there is a bridge.
    fn lay(&mut self, is_broad: bool, has_bridge: bool, line: &[Option<usize>]) {
        let mut parts: Vec<Vec<usize>> = vec![Vec::new()];
        for corner in line {
            match (corner, parts.last_mut()) {
                (Some(corner), Some(part)) => part.push(*corner),
                (None, Some(part)) if !part.is_empty() && !has_bridge => parts.push(Vec::new()),
                _ => {}
            }
        }
        let mut laid = Vec::new();
        for part in parts {
            let mut from = 0;
            for at in 1..part.len() {
                if !has_bridge && self.is_over_water(part[at - 1], part[at]) {
                    laid.push(part[from..at].to_vec());
                    from = at;
                }
            }
            laid.push(part.get(from..).unwrap_or_default().to_vec());
        }
        for corners in laid.into_iter().filter(|corners| corners.len() > 1) {
            for pair in corners.windows(2) {
                self.next[pair[0]].push(pair[1]);
                self.next[pair[1]].push(pair[0]);
            }
            let line = corners.iter().map(|corner| self.corners[*corner]).collect();
            self.streets.push(Street { is_broad, line });
        }
    }

    fn is_over_water(&self, one: usize, other: usize) -> bool {
        let is_north = |corner: usize| self.corners[corner].y < river(self.corners[corner].x).y;
        is_north(one) != is_north(other)
    }

    fn park(
        &self,
        numbers: &HashMap<(usize, usize), usize>,
        (column, row): (usize, usize),
    ) -> Option<Vec<MapPoint>> {
        let corners = [(0, 0), (1, 0), (1, 1), (0, 1)];
        let corners = corners.map(|(right, down)| numbers.get(&(column + right, row + down)));
        corners.into_iter().map(|corner| corner.map(|corner| self.corners[*corner])).collect()
    }

    /// Removes streets that cannot be reached from the first corner, so that no car gets stuck.
    fn keep_what_is_connected(&mut self) {
        let mut reached = BTreeSet::from([0]);
        let mut open = vec![0];
        while let Some(corner) = open.pop() {
            open.extend(self.next[corner].iter().filter(|next| reached.insert(**next)));
        }
        for (corner, next) in self.next.iter_mut().enumerate() {
            if !reached.contains(&corner) {
                next.clear();
            }
        }
    }

    pub(crate) fn crossings(&self) -> Vec<usize> {
        (0..self.corners.len()).filter(|corner| !self.next[*corner].is_empty()).collect()
    }

    pub(crate) fn corner(&self, corner: usize) -> MapPoint {
        self.corners[corner]
    }

    pub(crate) fn nearest(&self, to: MapPoint) -> usize {
        let far = |corner: &usize| self.corners[*corner].to(to);
        let nearest =
            self.crossings().into_iter().min_by(|one, other| far(one).total_cmp(&far(other)));
        nearest.unwrap_or_default()
    }

    /// Along streets, with both ends.
    pub(crate) fn way(&self, from: usize, to: usize) -> Vec<MapPoint> {
        let mut best: HashMap<usize, (u64, usize)> = HashMap::from([(from, (0, from))]);
        let mut open = BinaryHeap::from([(Reverse(0_u64), from)]);
        while let Some((Reverse(far), corner)) = open.pop() {
            if corner == to {
                break;
            }
            for next in &self.next[corner] {
                let far = far + decimeters(self.corners[corner].to(self.corners[*next]));
                if best.get(next).is_none_or(|(known, _)| far < *known) {
                    best.insert(*next, (far, corner));
                    open.push((Reverse(far), *next));
                }
            }
        }
        let (mut way, mut at) = (vec![self.corners[to]], to);
        while let Some((_, before)) = best.get(&at).filter(|(_, before)| *before != at) {
            way.push(self.corners[*before]);
            at = *before;
        }
        way.reverse();
        way
    }
}

/// Corners that are not in the water. Returns their numbers by column and row.
fn number_corners(plan: &mut TownPlan) -> HashMap<(usize, usize), usize> {
    let mut numbers = HashMap::new();
    for column in 0..ACROSS {
        for row in 0..DOWN {
            let at = bent(column, row);
            if (at.y - river(at.x).y).abs() > BESIDE_WATER {
                numbers.insert((column, row), plan.corners.len());
                plan.corners.push(at);
                plan.next.push(Vec::new());
            }
        }
    }
    numbers
}

#[expect(clippy::cast_precision_loss, reason = "numbers of streets")]
fn bent(column: usize, row: usize) -> MapPoint {
    let (x, y) = (150.0 + BLOCK * column as f64, 100.0 + BLOCK * row as f64);
    let (dx, dy) = (x - OLD_TOWN.x, y - OLD_TOWN.y);
    let near = (-(dx * dx + dy * dy) / 1_500_000.0).exp();
    let (sin, cos) = (0.75 * near).sin_cos();
    let (dx, dy) = (dx * cos - dy * sin, dx * sin + dy * cos);
    MapPoint {
        x: OLD_TOWN.x + dx + 45.0 * (y / 520.0).sin(),
        y: OLD_TOWN.y + dy + 55.0 * (x / 610.0).sin(),
    }
}

/// Returns the river's middle at this distance from the west.
fn river(x: f64) -> MapPoint {
    MapPoint { x, y: 2_780.0 + 330.0 * (x / 1_150.0 + 0.4).sin() + 90.0 * (x / 420.0).cos() }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a way in a town")]
fn decimeters(meters: f64) -> u64 {
    (meters * 10.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_corner_is_reached_from_every_other_along_streets() {
        let plan = TownPlan::new();
        let crossings = plan.crossings();
        assert!(crossings.len() > 180, "{}", crossings.len());
        for to in &crossings {
            let way = plan.way(crossings[0], *to);
            assert_eq!((way[0], way[way.len() - 1]), (plan.corner(crossings[0]), plan.corner(*to)));
            assert!(way.windows(2).all(|pair| pair[0].to(pair[1]) < 4.0 * BLOCK), "{way:?}");
        }
    }

    #[test]
    fn a_place_in_town_is_found_again() {
        for corner in TownPlan::new().corners {
            let found = corner.on_earth().and_then(MapPoint::in_town).expect("in town");
            assert!(found.to(corner) < 0.01, "{corner:?} became {found:?}");
        }
        assert_eq!(MapPoint::in_town(Point::new(0.0, 0.0).expect("on Earth")), None);
    }
}
