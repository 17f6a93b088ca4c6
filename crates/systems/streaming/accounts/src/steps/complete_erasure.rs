//! The step `complete_erasure`, which ends the closure of an account.

use ballet::{Failure, Never, Owner, Step, StepResult, Tx, done};
use streaming_events::AccountClosure;
use streaming_events::accounts::AccountErased;
use streaming_events::playback::ViewerErased;

use crate::store::closure;

/// The owner of the saga, which is never aborted: a closed account is not opened again.
#[derive(Debug)]
pub struct AccountClosureOwner;

impl Owner for AccountClosureOwner {
    type Saga = AccountClosure;

    async fn abort(&self, _: &mut Tx<'_>, _: &Never) -> Result<(), Failure> {
        Err(Failure::permanent("the closure of an account is never aborted"))
    }
}

/// Removes the last rows of the account, after playback has erased its data.
#[derive(Debug)]
pub struct CompleteErasure;

impl Step for CompleteErasure {
    const NAME: &'static str = "complete_erasure";
    type On = ViewerErased;
    type Done = AccountErased;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, erased: ViewerErased) -> StepResult<Self> {
        let (closure_id, account_id, now) = (erased.closure_id, erased.account_id, tx.now());
        if !closure::complete(tx.db(), closure_id, account_id, now).await? {
            let why = format!("account {account_id} has a session whose slot is not free yet");
            return Err(Failure::not_yet(why).into());
        }
        done(AccountErased { closure_id, account_id })
    }
}
