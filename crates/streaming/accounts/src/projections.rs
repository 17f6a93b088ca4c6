//! Notes which service has erased what it held about a closed account: who has not is named by the closure.

use ballet::{Failure, Projection, Tx};
use streaming_events::{analytics, playback, titles};

use crate::store::closure::{self, Service};

macro_rules! notes {
    ($($(#[$doc:meta])* $name:ident = $text:literal on $event:ty: $service:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name;

        impl Projection for $name {
            const NAME: &'static str = $text;
            type On = $event;

            async fn apply(&self, tx: &mut Tx<'_>, erased: $event) -> Result<(), Failure> {
                let now = tx.now();
                closure::note(tx.db(), erased.closure_id, Service::$service, now).await
            }
        }
    )+};
}

notes! {
    /// Playback has.
    NotePlayback = "note_playback" on playback::ViewerErased: Playback;
    /// Titles has.
    NoteTitles = "note_titles" on titles::ViewerErased: Titles;
    /// Analytics has.
    NoteAnalytics = "note_analytics" on analytics::ViewerErased: Analytics;
}
