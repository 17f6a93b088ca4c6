//! The step of analytics in the closure of an account.

use ballet::{Never, Step, StepResult, Tx, done};
use streaming_events::accounts::AccountClosed;
use streaming_events::analytics::ViewerErased;

/// Confirms that analytics has no data of the account. It never had any: it counts sessions and titles only, and once
/// playback has erased the account, nobody can tell whose a session was.
#[derive(Debug)]
pub struct ConfirmErasure;

impl Step for ConfirmErasure {
    const NAME: &'static str = "confirm_erasure";
    type On = AccountClosed;
    type Done = ViewerErased;
    type Refused = Never;

    async fn run(&self, _: &mut Tx<'_>, closed: AccountClosed) -> StepResult<Self> {
        done(ViewerErased { closure_id: closed.closure_id, account_id: closed.account_id })
    }
}
