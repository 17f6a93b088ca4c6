//! The town's drivers. Time runs fast for them, so that a ride takes some ten seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::Result;
use ballet_trials::{Dice, unless_away};
use reqwest::{Method, StatusCode};
use rides_events::Point;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::load::client::RidesClient;
use crate::load::town::life::{Resident, SharedTown};
use crate::load::town::plan::{CORNERS, MapPoint, corner, nearest, way};

const TICK: Duration = Duration::from_millis(250);
/// In meters a tick, without and with a ride.
const CRUISES: f64 = 12.0;
const DRIVES: f64 = 90.0;
/// Ticks between two positions of a moving and of a standing car.
const MOVING: u32 = 8;
const STANDING: u32 = 60;

#[derive(Debug, Clone, Copy)]
enum Activity {
    Cruising,
    /// The offer is to be answered at this time.
    Thinking(Uuid, Instant),
    Ignoring(Uuid),
    ToPickup(Uuid),
    Riding(Uuid),
}

/// A ride, as its driver reads it.
#[derive(Debug, Deserialize)]
struct TripAnswer {
    ride: TripRide,
}

#[derive(Debug, Deserialize)]
struct TripRide {
    pickup: Point,
    destination: Point,
}

struct Car<'a> {
    town: &'a SharedTown,
    client: RidesClient<'a>,
    id: Uuid,
    dice: Dice,
    at: MapPoint,
    way: VecDeque<MapPoint>,
    activity: Activity,
    stands: u32,
    /// Ticks since the last position.
    unseen: u32,
}

pub(crate) async fn drive(town: &SharedTown, number: usize, person: Resident) -> Result<()> {
    let mut dice = Dice::new(1, u64::try_from(number).unwrap_or_default());
    let at = corner(dice.below(CORNERS));
    let client = RidesClient::new(&town.site, number).with(person.token.as_deref());
    let (id, activity, way) = (person.id, Activity::Cruising, VecDeque::new());
    let mut car = Car { town, client, id, dice, at, way, activity, stands: 0, unseen: 0 };
    let shift = json!({ "seats": 4, "at": at.on_earth() });
    client.http.ask(Method::POST, "location", &format!("/drivers/{id}/online"), &shift).await?;
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // After minutes without an answer, the car repeats the step.
        unless_away(car.step().await)?;
        unless_away(car.send_position().await)?;
    }
}

impl Car<'_> {
    async fn step(&mut self) -> Result<()> {
        let activity = self.activity;
        match activity {
            Activity::Cruising => match self.open_offer() {
                Some(ride) => {
                    let thinks = Instant::now() + self.dice.millis(900, 2_600);
                    self.activity = Activity::Thinking(ride, thinks);
                }
                None => self.cruise(),
            },
            Activity::Thinking(ride, until) if Instant::now() >= until => self.answer(ride).await?,
            Activity::Ignoring(ride) if self.open_offer() != Some(ride) => {
                self.activity = Activity::Cruising;
            }
            Activity::ToPickup(ride) if self.advance(DRIVES) => self.pick_up(ride).await?,
            Activity::ToPickup(ride) if self.is_over(ride) => self.activity = Activity::Cruising,
            Activity::Riding(ride) if self.advance(DRIVES) => {
                let (status, _) = self.client.act(ride, self.id, "complete").await?;
                // Dispatch may not know yet where the car is, or the ride is over.
                self.unseen = STANDING;
                if status != StatusCode::CONFLICT || self.is_over(ride) {
                    self.activity = Activity::Cruising;
                }
            }
            Activity::Thinking(..)
            | Activity::Ignoring(_)
            | Activity::ToPickup(_)
            | Activity::Riding(_) => {}
        }
        Ok(())
    }

    fn open_offer(&self) -> Option<Uuid> {
        let seen = self.town.seen.borrow();
        seen.offers.get(&self.id).filter(|offer| offer.state == "open").map(|offer| offer.ride_id)
    }

    /// The ride was listed as open, and is no more.
    fn is_over(&self, ride: Uuid) -> bool {
        let seen = self.town.seen.borrow();
        !seen.shown.is_partial && !seen.rides.contains_key(&ride)
    }

    fn cruise(&mut self) {
        if self.stands > 0 {
            self.stands -= 1;
        } else if self.advance(CRUISES) {
            self.stands = if self.dice.one_in(2) { 20 + self.below(60) } else { 0 };
            let to = self.dice.below(CORNERS);
            self.go(to, 8);
        }
    }

    fn below(&mut self, count: usize) -> u32 {
        u32::try_from(self.dice.below(count)).unwrap_or_default()
    }

    fn go(&mut self, to: usize, corners: usize) {
        self.way = way(nearest(self.at), to).into_iter().take(corners).collect();
    }

    /// Returns whether the car has arrived.
    fn advance(&mut self, meters: f64) -> bool {
        let mut left = meters;
        while let Some(next) = self.way.front().copied() {
            let far = self.at.to(next);
            if far > left {
                self.at = self.at.towards(next, left / far);
                return false;
            }
            left -= far;
            self.at = next;
            self.way.pop_front();
        }
        true
    }

    async fn answer(&mut self, ride: Uuid) -> Result<()> {
        let (what, then) = match self.dice.below(100) {
            0..6 => {
                self.activity = Activity::Ignoring(ride);
                return Ok(());
            }
            6..20 => ("decline", Activity::Cruising),
            _ => ("accept", Activity::ToPickup(ride)),
        };
        let (status, _) = self.client.act(ride, self.id, what).await?;
        // The offer or the ride may be over by then.
        self.activity = if status.is_success() { then } else { Activity::Ignoring(ride) };
        if let Activity::ToPickup(_) = self.activity {
            let TripAnswer { ride } = serde_json::from_value(self.client.trip(ride).await?)?;
            self.go_to(ride.pickup);
        }
        Ok(())
    }

    async fn pick_up(&mut self, ride: Uuid) -> Result<()> {
        let (status, _) = self.client.act(ride, self.id, "start").await?;
        // Dispatch may not know the ride's driver or position yet, or the ride is cancelled.
        self.activity = if status == StatusCode::CONFLICT {
            self.unseen = STANDING;
            if self.is_over(ride) { Activity::Cruising } else { Activity::ToPickup(ride) }
        } else {
            let TripAnswer { ride: journey } =
                serde_json::from_value(self.client.trip(ride).await?)?;
            self.go_to(journey.destination);
            Activity::Riding(ride)
        };
        Ok(())
    }

    fn go_to(&mut self, to: Point) {
        if let Some(to) = MapPoint::in_town(to) {
            self.go(nearest(to), usize::MAX);
        }
    }

    async fn send_position(&mut self) -> Result<()> {
        self.unseen += 1;
        let stands = self.way.is_empty() || self.stands > 0;
        if self.unseen < if stands { STANDING } else { MOVING } {
            return Ok(());
        }
        self.unseen = 0;
        let path = format!("/drivers/{}/position", self.id);
        // The next position makes up for a lost one.
        self.client.http.once(Method::PUT, "location", &path, &json!(self.at.on_earth())).await;
        Ok(())
    }
}
