//! Finds the dead letters of one message by its id.

use std::collections::BTreeSet;

use anyhow::Result;
use ballet_ops::redrive::{Choice, Letter};

use crate::dead_letters;
use crate::exit::usage;
use crate::options::GlobalOptions;

/// The dead letters of the one message whose id ends like this. There are several if several
/// services have it, or if there are copies.
pub(crate) async fn message(
    id: &str,
    services: &[String],
    options: &GlobalOptions,
) -> Result<Vec<Letter>> {
    let choice = Choice { ids: vec![id.to_owned()], ..Choice::default() };
    let mut found = Vec::new();
    for queue in dead_letters::open(options, services).await? {
        queue.warn_of_readers();
        let take = |letter: Letter| {
            if choice.takes(&letter) {
                found.push(letter);
            }
        };
        queue.letters.browse(take).await?;
    }
    let ids: BTreeSet<_> = found.iter().map(|letter| letter.id).collect();
    match ids.len() {
        0 => Err(usage(format!("there is no dead letter whose id ends with {id:?}"))),
        1 => Ok(found),
        _ => {
            let ids: Vec<String> = ids.iter().take(5).map(ToString::to_string).collect();
            let ids = ids.join(", ");
            Err(usage(format!("{id:?} matches several messages, give more of the id: {ids}")))
        }
    }
}

/// The services that have one of the dead letters.
pub(crate) fn services_of(letters: &[Letter]) -> BTreeSet<&str> {
    letters.iter().map(|letter| letter.service.as_str()).collect()
}
