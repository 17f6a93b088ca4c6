//! Records which services have erased the data of a closed account. The closure names the others.

use ballet::{Failure, Projection, Tx};
use streaming_events::{analytics, playback, titles};

use crate::store::closure::{self, ErasingService};

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
                closure::note(tx.db(), erased.closure_id, ErasingService::$service, now).await
            }
        }
    )+};
}

notes! {
    /// Records that playback has erased its data.
    NotePlayback = "note_playback" on playback::ViewerErased: Playback;
    /// Records that titles has erased its data.
    NoteTitles = "note_titles" on titles::ViewerErased: Titles;
    /// Records that analytics has erased its data.
    NoteAnalytics = "note_analytics" on analytics::ViewerErased: Analytics;
}
