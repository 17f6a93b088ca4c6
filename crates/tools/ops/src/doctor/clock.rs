//! Compares a server's clock with this machine's.

use ballet_core::Cause;
use jiff::{SignedDuration, Timestamp};

use crate::standing::finding::Finding;

/// An HTTP header's time has this precision.
pub(super) const SECOND: SignedDuration = SignedDuration::from_secs(1);
/// The largest difference that does no harm.
const LITTLE: SignedDuration = SignedDuration::from_secs(5);
/// Message ids are accepted up to this difference.
const TOO_FAR: SignedDuration = SignedDuration::from_mins(5);

/// `before` and `after` enclose the reading of the server's time, which is exact to `grain`.
pub(super) fn judge(
    subject: &str,
    there: Timestamp,
    grain: SignedDuration,
    before: Timestamp,
    after: Timestamp,
) -> Finding {
    let behind = before.duration_since(there) - grain;
    let ahead = there.duration_since(after);
    let (apart, way) = if ahead > behind { (ahead, "ahead of") } else { (behind, "behind") };
    if apart <= LITTLE {
        return Finding::well(Cause::Clock, subject, "it agrees with this machine's");
    }
    let found = format!("it is {} s {way} this machine's clock", apart.as_secs());
    let advice =
        "set both with NTP: ids that are 5 minutes ahead of a service's database are refused";
    if apart < TOO_FAR {
        Finding::warning(Cause::Clock, subject, &found, advice)
    } else {
        Finding::bad(Cause::Clock, subject, &found, advice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standing::finding::FindingState;

    #[test]
    fn a_clock_is_wrong_by_more_than_it_took_to_ask() {
        let at = |second: i64| Timestamp::from_second(second).expect("a time");
        let asked = |there: i64| judge("orders", at(there), SECOND, at(1000), at(1003));
        for there in [994, 999, 1001, 1008] {
            assert_eq!(asked(there).state, FindingState::Well, "{there}");
        }
        assert_eq!(asked(993).found, "it is 6 s behind this machine's clock");
        assert_eq!(asked(1009).found, "it is 6 s ahead of this machine's clock");
        assert_eq!(asked(1009).state, FindingState::Warning);
        assert_eq!(asked(1303).state, FindingState::Bad);
        assert_eq!(asked(699).state, FindingState::Bad);
    }
}
