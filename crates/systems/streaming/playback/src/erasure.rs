//! The watch that erases a closed account after its sessions are over.

use ballet::{Failure, Look, Tx, Watch};
use jiff::SignedDuration;
use streaming_events::ClosureId;
use streaming_events::accounts::AccountClosed;
use streaming_events::playback::{EndReason, ViewerErased};

use crate::ending;
use crate::store::ending::{SessionOwner, begin_erasure, erase};

/// The interval between two looks whether all sessions are over.
const AGAIN: SignedDuration = SignedDuration::from_millis(500);

/// Ends the sessions of a closed account, and then erases the account.
#[derive(Debug)]
pub struct EraseViewer;

impl Watch for EraseViewer {
    const NAME: &'static str = "erase_viewer";
    type On = AccountClosed;
    type Done = ViewerErased;

    async fn begin(&self, tx: &mut Tx<'_>, closed: AccountClosed) -> Result<(), Failure> {
        let AccountClosed { closure_id, account_id, .. } = closed;
        begin_erasure(tx.db(), closure_id, account_id).await?;
        ending::end_all(tx, SessionOwner::Account(account_id), EndReason::Closed).await
    }

    async fn look(&self, tx: &mut Tx<'_>) -> Result<Look<ViewerErased>, Failure> {
        let saga_id = tx.saga_id().ok_or_else(|| Failure::permanent("a watch has no saga"))?;
        let closure_id = ClosureId(saga_id.0);
        Ok(match erase(tx.db(), closure_id).await? {
            Some(account_id) => Look::Over(ViewerErased { closure_id, account_id }),
            None => Look::Open(AGAIN),
        })
    }
}
