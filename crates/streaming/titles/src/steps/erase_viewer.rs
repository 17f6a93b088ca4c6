//! The step `erase_viewer`.

use ballet::{Never, Step, StepResult, Tx, done};
use streaming_events::playback;
use streaming_events::titles::ViewerErased;

use crate::store::license;

/// Removes a closed account from its licences. Playback has ended its sessions by then.
#[derive(Debug)]
pub struct EraseViewer;

impl Step for EraseViewer {
    const NAME: &'static str = "erase_viewer";
    type On = playback::ViewerErased;
    type Done = ViewerErased;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, erased: playback::ViewerErased) -> StepResult<Self> {
        let (closure_id, account_id) = (erased.closure_id, erased.account_id);
        license::forget(tx.db(), account_id).await?;
        done(ViewerErased { closure_id, account_id })
    }
}
