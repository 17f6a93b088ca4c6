//! The drivers' positions in memory, by cells of the map. A search looks at the pickup's cell, then at rings of cells
//! around it. Each process has all drivers who were seen lately.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use ballet::{Reading, TelemetryFollower};
use h3o::{CellIndex, LatLng, Resolution};
use jiff::{SignedDuration, Timestamp};
use rides_events::location::Position;
use rides_events::{DriverId, Point};
use schemars::JsonSchema;
use serde::Serialize;

/// A tenth of a square kilometer: in a town there are a few drivers in each.
const CELLS: Resolution = Resolution::Nine;
/// A driver is near within so many rings: about 5 kilometers.
const RINGS: u32 = 17;
/// Positions under one lock. Searches get their turn in between.
const TOGETHER: usize = 64;

/// Shared by the searches and the follower of the stream.
#[derive(Debug, Clone)]
pub(crate) struct DriverIndex {
    places: Arc<RwLock<DriverPositions>>,
    /// A driver who was not seen for longer is not found.
    silence: SignedDuration,
}

#[derive(Debug, Default)]
struct DriverPositions {
    drivers: HashMap<DriverId, CellIndex>,
    /// A search reads the positions of a cell together.
    cells: HashMap<CellIndex, Vec<Position>>,
    /// When silent drivers were last removed.
    swept: Option<Timestamp>,
}

/// A driver who is near.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub(crate) struct NearDriver {
    /// The driver.
    pub(crate) driver_id: DriverId,
    /// The last position of the driver.
    pub(crate) at: Point,
    /// The distance from there as the crow flies.
    pub(crate) meters: f64,
}

impl DriverIndex {
    /// Makes an index that finds a driver for `silence` after a position.
    #[must_use]
    pub(crate) fn new(silence: SignedDuration) -> Self {
        Self { places: Arc::default(), silence }
    }

    /// A driver's last position in the stream counts.
    pub(crate) fn note_all<'a>(&self, all: impl IntoIterator<Item = &'a Position>, now: Timestamp) {
        let mut all = all.into_iter().peekable();
        while all.peek().is_some() {
            let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
            for position in all.by_ref().take(TOGETHER) {
                places.note(position);
            }
            places.forget(now, self.silence);
        }
    }

    /// Returns at least `enough` drivers if that many are near and were seen lately.
    #[must_use]
    pub(crate) fn nearest(&self, to: Point, enough: usize, now: Timestamp) -> Vec<NearDriver> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        places.nearest(to, enough, now - self.silence)
    }
}

impl TelemetryFollower for DriverIndex {
    const NAME: &'static str = "follow_positions";
    type Follows = Position;

    /// Drivers who were silent for longer are dropped.
    fn reaches_back(&self) -> SignedDuration {
        self.silence
    }

    fn take(&self, now: Timestamp, batch: &[Reading<Position>]) {
        self.note_all(batch.iter().map(|reading| &reading.value), now);
    }
}

impl DriverPositions {
    fn note(&mut self, position: &Position) {
        let Position { driver_id, at, .. } = *position;
        let Some(cell) = cell(at) else { return };
        if let Some(before) = self.drivers.insert(driver_id, cell) {
            self.leave(before, driver_id);
        }
        self.cells.entry(cell).or_default().push(*position);
    }

    /// Removes those who are silent, once in that time.
    fn forget(&mut self, now: Timestamp, silence: SignedDuration) {
        if self.swept.is_some_and(|swept| now.duration_since(swept) < silence) {
            return;
        }
        self.swept = Some(now);
        let Self { drivers, cells, .. } = self;
        cells.retain(|_, all| {
            all.retain(|place| {
                let is_seen = place.seen_at >= now - silence;
                if !is_seen {
                    drivers.remove(&place.driver_id);
                }
                is_seen
            });
            !all.is_empty()
        });
    }

    fn leave(&mut self, cell: CellIndex, driver_id: DriverId) {
        let Some(drivers) = self.cells.get_mut(&cell) else { return };
        drivers.retain(|one| one.driver_id != driver_id);
        if drivers.is_empty() {
            self.cells.remove(&cell);
        }
    }

    fn nearest(&self, to: Point, enough: usize, since: Timestamp) -> Vec<NearDriver> {
        let Some(center) = cell(to) else { return Vec::new() };
        let mut near: Vec<NearDriver> = Vec::new();
        let mut last_ring = RINGS;
        for ring in 0..=RINGS {
            if ring > last_ring {
                break;
            }
            for cell in cells_of_ring(center, ring) {
                for place in self.cells.get(&cell).into_iter().flatten() {
                    if place.seen_at >= since {
                        let Position { driver_id, at, .. } = *place;
                        near.push(NearDriver { driver_id, at, meters: to.meters_to(at) });
                    }
                }
            }
            if near.len() >= enough && last_ring == RINGS {
                // A driver in the next ring may be nearer than one in a corner of this ring.
                last_ring = ring + 1;
            }
        }
        near.sort_by(|one, other| one.meters.total_cmp(&other.meters));
        near
    }
}

fn cell(at: Point) -> Option<CellIndex> {
    Some(LatLng::new(at.lat(), at.lon()).ok()?.to_cell(CELLS))
}

/// Around twelve places on the Earth the grid is distorted, and a slower algorithm is needed.
fn cells_of_ring(center: CellIndex, ring: u32) -> Vec<CellIndex> {
    let fast: Option<Vec<CellIndex>> = center.grid_ring_fast(ring).collect();
    fast.unwrap_or_else(|| {
        let cells = center.grid_disk_distances_safe(ring);
        cells.filter(|(_, distance)| *distance == ring).map(|(cell, _)| cell).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> DriverIndex {
        DriverIndex::new(SignedDuration::from_mins(2))
    }

    fn driver(number: u128) -> DriverId {
        DriverId(sqlx::types::Uuid::from_u128(number))
    }

    fn point(lat: f64, lon: f64) -> Point {
        Point::new(lat, lon).expect("on Earth")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn seen(number: u128, at: Point, second: i64) -> Position {
        let seen_at = Timestamp::from_second(second).expect("a time");
        Position { driver_id: driver(number), at, seen_at }
    }

    fn note(index: &DriverIndex, number: u128, place: Point, second: i64) {
        index.note_all([&seen(number, place, second)], at(second));
    }

    #[test]
    fn the_nearest_come_first_as_if_all_had_been_measured() {
        let index = empty();
        let mut all = Vec::new();
        for number in 0..2_000_u32 {
            let (x, y) = (f64::from(number % 50), f64::from(number / 50));
            let place = point(52.4 + y * 0.004, 13.2 + x * 0.007);
            note(&index, number.into(), place, 0);
            all.push((driver(number.into()), place));
        }
        for pickup in [point(52.47, 13.38), point(52.41, 13.21), point(52.55, 13.54)] {
            let mut expected: Vec<_> =
                all.iter().map(|(driver, at)| (*driver, pickup.meters_to(*at))).collect();
            expected.sort_by(|one, other| one.1.total_cmp(&other.1));
            let found = index.nearest(pickup, 10, at(1));
            assert!(found.len() >= 10, "{found:?}");
            let (found, expected): (Vec<_>, Vec<_>) = found
                .iter()
                .zip(&expected)
                .take(10)
                .map(|(near, expected)| (near.meters, expected.1))
                .unzip();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_driver_is_where_it_was_seen_last_and_not_found_when_silent() {
        let index = empty();
        let (here, far) = (point(52.5, 13.4), point(52.6, 13.4));
        note(&index, 1, here, 10);
        assert_eq!(index.nearest(here, 1, at(11)).len(), 1);
        note(&index, 1, far, 12);
        assert_eq!(index.nearest(here, 1, at(13)), []);
        assert_eq!(index.nearest(far, 1, at(13)).len(), 1);
        assert_eq!(index.nearest(far, 1, at(12 + 121)), []);
        // The driver is removed once another one is seen.
        note(&index, 2, far, 12 + 121);
        let places = index.places.read().expect("no panic");
        assert_eq!((places.drivers.len(), places.cells.len()), (1, 1));
    }

    #[test]
    fn a_ring_is_found_where_the_grid_is_bent() {
        let pentagon = Resolution::Nine.pentagons().next().expect("a pentagon");
        assert_eq!(cells_of_ring(pentagon, 1).len(), 5);
        assert_eq!(cells_of_ring(cell(point(52.5, 13.4)).expect("a cell"), 2).len(), 12);
    }
}
