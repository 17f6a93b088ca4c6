//! The rules that the rows must satisfy.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ballet_ops::audit::Report;
use jiff::Timestamp;
use uuid::Uuid;

use crate::audit::money;
use crate::audit::rows::{AuditedOffer, AuditedRide, AuditedWork, CardOperation, RidesSnapshot};

/// A ride is at rest if it has not changed since `quiescent_at` and its saga waits for nothing.
pub(super) fn judge(rows: &RidesSnapshot, quiescent_at: Timestamp, framework: &Report) -> Report {
    let mut report = Report {
        rows: rows.rides.len()
            + rows.offers.len()
            + rows.work.len()
            + rows.drivers.len()
            + rows.payments.len()
            + rows.operations.len(),
        ..Report::default()
    };
    check_this_moment(rows, &mut report.violations);
    check_between_services(rows, &mut report.violations);
    check_overlaps(&rows.work, &mut report.violations);
    let known: HashSet<Uuid> = rows.rides.iter().map(|ride| ride.ride_id).collect();
    let work = rows.work.iter().map(|work| work.ride_id);
    let elsewhere = work.chain(rows.operations.iter().map(|operation| operation.ride_id));
    let unknown: BTreeSet<Uuid> = elsewhere.filter(|ride| !known.contains(ride)).collect();
    // Requested during the read. If they stay open, dispatch does not know them.
    let unknown =
        unknown.iter().map(|ride| format!("ride {ride} was unknown when the rides were read"));
    report.open.extend(unknown);
    let mut of_ride: HashMap<Uuid, Vec<&AuditedWork>> = HashMap::new();
    for work in &rows.work {
        of_ride.entry(work.ride_id).or_default().push(work);
    }
    let mut offers: HashMap<Uuid, Vec<&AuditedOffer>> = HashMap::new();
    for offer in &rows.offers {
        offers.entry(offer.ride_id).or_default().push(offer);
    }
    let mut operations: HashMap<Uuid, Vec<&CardOperation>> = HashMap::new();
    for operation in &rows.operations {
        operations.entry(operation.ride_id).or_default().push(operation);
    }
    let payments: HashMap<_, _> =
        rows.payments.iter().map(|payment| (payment.ride_id, payment)).collect();
    for ride in &rows.rides {
        let work = of_ride.remove(&ride.ride_id).unwrap_or_default();
        if framework.unsettled.contains_key(&ride.ride_id) || !is_over(&ride.status) {
            report.open.push(format!("ride {} is {}", ride.ride_id, ride.status));
        } else if ride.changed_at > quiescent_at {
            report.recent.push(format!("ride {} is {} lately", ride.ride_id, ride.status));
        } else {
            let offers = offers.remove(&ride.ride_id).unwrap_or_default();
            check_at_rest(ride, &work, &offers, &mut report.violations);
            let done = operations.remove(&ride.ride_id).unwrap_or_default();
            let payment = payments.get(&ride.ride_id).copied();
            report.violations.extend(money::judge(ride, payment, &done));
        }
    }
    report
}

fn is_over(status: &str) -> bool {
    matches!(status, "completed" | "cancelled")
}

fn is_live(state: &str) -> bool {
    matches!(state, "reserved" | "riding" | "open" | "accepted")
}

/// Checks that a driver has at most one live offer or ride in each service, and a state that fits.
fn check_this_moment(rows: &RidesSnapshot, violations: &mut Vec<String>) {
    let offers = rows.offers.iter().map(|offer| ("dispatch", offer.driver_id, &*offer.state));
    let work = rows.work.iter().map(|work| ("location", work.driver_id, &*work.state));
    let mut live: BTreeMap<(&str, Uuid), Vec<&str>> = BTreeMap::new();
    for (service, driver, state) in offers.chain(work).filter(|(_, _, state)| is_live(state)) {
        live.entry((service, driver)).or_default().push(state);
    }
    for ((service, driver), states) in &live {
        if states.len() > 1 {
            violations
                .push(format!("{service} has driver {driver} in {} live rides", states.len()));
        }
    }
    for driver in &rows.drivers {
        let expected = live.get(&("location", driver.driver_id)).and_then(|states| states.first());
        let fits = match expected {
            Some(state) => driver.state == *state,
            None => matches!(&*driver.state, "free" | "offline"),
        };
        if !fits {
            violations.push(format!(
                "driver {} is {}, and its work is {expected:?}",
                driver.driver_id, driver.state
            ));
        }
    }
}

/// Location must not have a driver for another ride than dispatch has. An offer that is live before and after the
/// read of location was live in between.
fn check_between_services(rows: &RidesSnapshot, violations: &mut Vec<String>) {
    let live = |offers: &[AuditedOffer]| -> HashSet<(Uuid, Uuid)> {
        let live = offers.iter().filter(|offer| is_live(&offer.state));
        live.map(|offer| (offer.ride_id, offer.driver_id)).collect()
    };
    let there: HashMap<Uuid, Uuid> = rows
        .work
        .iter()
        .filter(|work| is_live(&work.state))
        .map(|work| (work.driver_id, work.ride_id))
        .collect();
    for (ride, driver) in live(&rows.offers).intersection(&live(&rows.offers_after)) {
        if let Some(other) = there.get(driver).filter(|other| *other != ride) {
            violations.push(format!(
                "dispatch has driver {driver} for ride {ride}, and location for ride {other}"
            ));
        }
    }
}

/// Of two rides of a driver, the first ended before the second began.
fn check_overlaps(work: &[AuditedWork], violations: &mut Vec<String>) {
    let began = |work: &AuditedWork| work.since.map(|since| (work.driver_id, since, work.until));
    let mut all: Vec<_> = work.iter().filter_map(began).collect();
    all.sort_unstable();
    for two in all.windows(2) {
        let [(driver, since, until), (next_driver, next, _)] = *two else { continue };
        if driver == next_driver && until.is_none_or(|until| until >= next) {
            violations.push(format!(
                "driver {driver} was in two rides at once: in one from version {since} on, and in another from {next} on"
            ));
        }
    }
}

/// A ride that is over has nothing live, and its driver drove it.
fn check_at_rest(
    ride: &AuditedRide,
    work: &[&AuditedWork],
    offers: &[&AuditedOffer],
    violations: &mut Vec<String>,
) {
    let AuditedRide { ride_id, status, driver_id, .. } = ride;
    for one in work.iter().filter(|work| is_live(&work.state)) {
        violations.push(format!(
            "ride {ride_id} is {status}, and driver {} is {} for it",
            one.driver_id, one.state
        ));
    }
    for offer in offers.iter().filter(|offer| is_live(&offer.state)) {
        violations.push(format!(
            "ride {ride_id} is {status}, and its offer to {} is {}",
            offer.driver_id, offer.state
        ));
    }
    let drove: Vec<_> =
        work.iter().filter(|work| work.state == "released").map(|work| work.driver_id).collect();
    let expected: Vec<_> = driver_id.iter().filter(|_| status == "completed").copied().collect();
    if drove != expected {
        violations
            .push(format!("ride {ride_id} is {status}: {drove:?} drove it, and not {expected:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::rows::AuditedDriver;

    const RIDE: Uuid = Uuid::from_u128(1);
    const DRIVER: Uuid = Uuid::from_u128(2);

    fn rows(status: &str, offer: &str, work: &str, driver: &str) -> RidesSnapshot {
        let (status, state) = (status.to_owned(), offer.to_owned());
        RidesSnapshot {
            read_at: Timestamp::UNIX_EPOCH,
            rides: vec![AuditedRide {
                ride_id: RIDE,
                status,
                driver_id: Some(DRIVER),
                changed_at: Timestamp::UNIX_EPOCH,
                price: 0,
                fee: 0,
            }],
            payments: Vec::new(),
            operations: Vec::new(),
            offers: vec![AuditedOffer { ride_id: RIDE, driver_id: DRIVER, state }],
            offers_after: Vec::new(),
            work: vec![AuditedWork {
                ride_id: RIDE,
                driver_id: DRIVER,
                state: work.to_owned(),
                since: Some(2),
                until: (!is_live(work)).then_some(4),
            }],
            drivers: vec![AuditedDriver { driver_id: DRIVER, state: driver.to_owned() }],
        }
    }

    fn judged(rows: &RidesSnapshot) -> Report {
        judge(rows, Timestamp::UNIX_EPOCH, &Report::default())
    }

    #[test]
    fn a_ride_that_is_over_has_left_nothing() {
        assert_eq!(judged(&rows("completed", "driven", "released", "free")).violations, [""; 0]);
        assert_eq!(
            judged(&rows("cancelled", "withdrawn", "cancelled", "offline")).violations,
            [""; 0]
        );
        for (wrong, count) in [
            (rows("completed", "driven", "riding", "riding"), 2),
            (rows("cancelled", "accepted", "cancelled", "free"), 1),
            (rows("cancelled", "withdrawn", "released", "free"), 1),
            (rows("completed", "driven", "cancelled", "free"), 1),
            (rows("completed", "driven", "released", "reserved"), 1),
        ] {
            assert_eq!(judged(&wrong).violations.len(), count, "{:?}", judged(&wrong));
        }
        let open = judged(&rows("assigned", "accepted", "reserved", "reserved"));
        assert_eq!((open.violations.len(), open.open.len()), (0, 1));
    }

    #[test]
    fn a_driver_is_not_in_one_ride_for_dispatch_and_in_another_for_location() {
        let mut two = rows("assigned", "accepted", "reserved", "reserved");
        two.rides.push(AuditedRide { ride_id: Uuid::from_u128(3), ..two.rides[0].clone() });
        two.work[0].ride_id = two.rides[1].ride_id;
        assert_eq!(
            judged(&two).violations,
            [""; 0],
            "the offer may have ended before the work was read"
        );
        two.offers_after.push(two.offers[0].clone());
        assert_eq!(judged(&two).violations.len(), 1);
        two.work[0].ride_id = RIDE;
        assert_eq!(judged(&two).violations, [""; 0]);
    }

    #[test]
    fn a_driver_who_was_in_two_rides_at_once_is_found_when_both_are_over() {
        let work = |driver, since, until| AuditedWork {
            ride_id: RIDE,
            driver_id: Uuid::from_u128(driver),
            state: "released".to_owned(),
            since,
            until,
        };
        for (found, what, one, other) in [
            (0, "one after the other", work(7, Some(5), Some(6)), work(7, Some(2), Some(4))),
            (0, "two drivers", work(7, Some(2), Some(5)), work(8, Some(3), Some(4))),
            (0, "before versions were noted", work(7, None, None), work(7, Some(1), Some(9))),
            (1, "one within the other", work(7, Some(2), Some(5)), work(7, Some(3), Some(4))),
            (1, "the second began first", work(7, Some(3), Some(5)), work(7, Some(2), Some(4))),
            (1, "one that never ended", work(7, Some(2), None), work(7, Some(3), Some(4))),
        ] {
            let mut violations = Vec::new();
            check_overlaps(&[one, other], &mut violations);
            assert_eq!(violations.len(), found, "{what}: {violations:?}");
        }
    }
}
