//! The refusals of requests about accounts. Each message says what the caller can do instead.

use axum::http::StatusCode;
use ballet::http::{Place, Problem};
use streaming_events::access::Caller;
use streaming_events::{AccountId, DeviceId, Slug};

use crate::account::StoredAccount;
use crate::store::device::MAX_DEVICES;

/// Returns the account if it is open and the caller may see it.
pub(crate) fn require_open(
    account: Option<StoredAccount>,
    account_id: AccountId,
    caller: &Caller,
) -> Result<StoredAccount, Problem> {
    match account.filter(|account| caller.is_allowed(account.account_id)) {
        Some(account) if account.closed_at.is_none() => Ok(account),
        Some(_) => Err(Problem::new(
            StatusCode::GONE,
            format!("account {account_id} is closed: sign up again to watch"),
        )),
        None => Err(Problem::not_found(format!("there is no account {account_id}"))),
    }
}

pub(crate) fn no_plan(plan: &Slug) -> Problem {
    let detail = format!("there is no plan {plan}: GET /plans lists them");
    Problem::unprocessable(detail).at(Place::body(["plan"]))
}

pub(crate) fn too_many_devices() -> Problem {
    let detail = format!("the account has {MAX_DEVICES} devices: remove one that is not used");
    Problem::conflict(detail)
}

pub(crate) fn no_device(device_id: DeviceId) -> Problem {
    Problem::not_found(format!("the account has no device {device_id}"))
}
