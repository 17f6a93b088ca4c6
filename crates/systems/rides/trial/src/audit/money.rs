//! The rules between the quoted prices, the payments of dispatch, and the operations of the card processor.

use crate::audit::rows::{AuditedPayment, AuditedRide, CardOperation};

/// A ride at rest must be paid once or owed, and nothing may be held.
pub(super) fn judge(
    ride: &AuditedRide,
    payment: Option<&AuditedPayment>,
    done: &[&CardOperation],
) -> Vec<String> {
    let AuditedRide { ride_id, status, price, fee, .. } = ride;
    let due = if status == "completed" { *price } else { *fee };
    let (state, paid, owed) = match payment {
        Some(AuditedPayment { state, paid, owed, .. }) => (&**state, *paid, *owed),
        None => ("none", 0, 0),
    };
    let mut wrong = Vec::new();
    if paid + owed != due || state == "held" {
        wrong.push(format!(
            "ride {ride_id} is {status} and costs {due}: its payment is {state}, {paid} paid and {owed} owed"
        ));
    }
    let of =
        |result: &str| done.iter().filter(|one| one.result == result).copied().collect::<Vec<_>>();
    let (held, taken) = (of("approved"), of("captured"));
    let sum: i64 = taken.iter().map(|CardOperation { amount, .. }| amount).sum();
    if sum != paid || taken.len() > 1 || held.len() > 1 {
        wrong.push(format!(
            "ride {ride_id} was paid {paid}, and the card processor held {} times and took {sum}",
            held.len()
        ));
    }
    // A processor that refuses a capture releases its hold by itself.
    let ended = ["captured", "voided", "authorization_expired", "capture_refused"];
    if !held.is_empty() && !done.iter().any(|one| ended.contains(&&*one.result)) {
        wrong
            .push(format!("ride {ride_id} is {status}, and the card processor holds money for it"));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    const RIDE: Uuid = Uuid::from_u128(1);

    fn judged(status: &str, payment: (&str, i64, i64), done: &[(&str, i64)]) -> usize {
        let ride = AuditedRide {
            ride_id: RIDE,
            status: status.to_owned(),
            driver_id: None,
            changed_at: Timestamp::UNIX_EPOCH,
            price: 1_000,
            fee: if status == "cancelled" { 450 } else { 0 },
        };
        let (state, paid, owed) = payment;
        let operation = |(result, amount): &(&str, i64)| CardOperation {
            ride_id: RIDE,
            result: (*result).to_owned(),
            amount: *amount,
        };
        let payment = AuditedPayment { ride_id: RIDE, state: state.to_owned(), paid, owed };
        let done: Vec<_> = done.iter().map(operation).collect();
        judge(&ride, Some(&payment), &done.iter().collect::<Vec<_>>()).len()
    }

    #[test]
    fn a_ride_is_paid_once_and_nothing_is_held() {
        let (held, taken, fee) = (("approved", 1_000), ("captured", 1_000), ("captured", 450));
        assert_eq!(judged("completed", ("paid", 1_000, 0), &[held, taken]), 0);
        assert_eq!(judged("completed", ("owed", 0, 1_000), &[held, ("capture_refused", 1_000)]), 0);
        assert_eq!(judged("cancelled", ("paid", 450, 0), &[held, fee]), 0);
        for (what, status, payment, done) in [
            ("nothing paid", "completed", ("released", 0, 0), &[held, ("voided", 1_000)][..]),
            ("paid twice", "completed", ("paid", 1_000, 0), &[held, taken, taken]),
            ("too much", "cancelled", ("paid", 450, 0), &[held, taken]),
            ("held twice", "completed", ("paid", 1_000, 0), &[held, held, taken]),
            ("never paid", "cancelled", ("released", 0, 0), &[held, ("voided", 1_000)]),
        ] {
            assert_eq!(judged(status, payment, done), 1, "{what}");
        }
        assert_eq!(judged("completed", ("held", 0, 0), &[held]), 2, "held for ever");
    }
}
