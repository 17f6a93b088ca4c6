//! The made-up town. Everything is computed, so it is the same in every demo.

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
const OLD_TOWN: MapPoint = MapPoint { x: 2_450.0, y: 1_500.0 };

/// The number of corners. Each is reached from every other along streets.
pub(crate) const CORNERS: usize = ACROSS * DOWN;

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

/// The plan of the town, for the map.
#[derive(Debug, Serialize)]
pub(crate) struct TownPlan {
    name: &'static str,
    width: f64,
    height: f64,
    /// Broad streets come last: they are drawn above the others.
    streets: Vec<Street>,
}

#[derive(Debug, Serialize)]
struct Street {
    is_broad: bool,
    line: Vec<MapPoint>,
}

impl TownPlan {
    pub(crate) fn new() -> Self {
        let street = |number, line| Street { is_broad: number % 4 == 2, line };
        let down = (0..ACROSS).map(|column| {
            street(column, (0..DOWN).map(|row| corner(column * DOWN + row)).collect())
        });
        let across = (0..DOWN).map(|row| {
            street(row, (0..ACROSS).map(|column| corner(column * DOWN + row)).collect())
        });
        let mut streets: Vec<_> = down.chain(across).collect();
        streets.sort_by_key(|street| street.is_broad);
        Self { name: NAME, width: WIDTH, height: HEIGHT, streets }
    }
}

/// Returns the place of a corner. Corners are numbered by columns.
#[expect(clippy::cast_precision_loss, reason = "numbers of streets")]
pub(crate) fn corner(number: usize) -> MapPoint {
    let (column, row) = (number / DOWN, number % DOWN);
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

/// Returns the number of the nearest corner.
pub(crate) fn nearest(to: MapPoint) -> usize {
    let far = |number: &usize| corner(*number).to(to);
    (0..CORNERS).min_by(|one, other| far(one).total_cmp(&far(other))).unwrap_or_default()
}

/// Returns the corners on a way along streets, with both ends.
pub(crate) fn way(from: usize, to: usize) -> Vec<MapPoint> {
    let (mut column, mut row) = (from / DOWN, from % DOWN);
    let mut way = vec![corner(from)];
    while (column, row) != (to / DOWN, to % DOWN) {
        if column == to / DOWN {
            row = if row < to % DOWN { row + 1 } else { row - 1 };
        } else {
            column = if column < to / DOWN { column + 1 } else { column - 1 };
        }
        way.push(corner(column * DOWN + row));
    }
    way
}
