//! Finds one message's dead letters by its id.

use std::collections::BTreeSet;

use anyhow::Result;
use ballet_ops::redrive::{DeadLetter, DeadLetterFilter};

use crate::base::exit::usage;
use crate::base::options::GlobalOptions;
use crate::operator::dead_letters;

/// The id ends like this. Several services or copies may have the message.
pub(crate) async fn message(
    id: &str,
    services: &[String],
    options: &GlobalOptions,
) -> Result<Vec<DeadLetter>> {
    let filter = DeadLetterFilter { ids: vec![id.to_owned()], ..DeadLetterFilter::default() };
    let mut found = Vec::new();
    dead_letters::read(options, services, &filter, |letter| found.push(letter)).await?;
    let ids: BTreeSet<_> = found.iter().map(|dead_letter| dead_letter.id).collect();
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

pub(crate) fn services_of(dead_letters: &[DeadLetter]) -> BTreeSet<&str> {
    dead_letters.iter().map(|dead_letter| dead_letter.service.as_str()).collect()
}
