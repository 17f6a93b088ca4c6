//! Formatted bodies, with masked personal values.

use ballet_check::personal::{has_personal, mask};
use ballet_ops::words::grouped;
use maud::{Markup, html};
use serde_json::Value;

use crate::access::role::{BodySight, Role};
use crate::contract_index::ContractIndex;
use crate::store::entry_row::EntryRow;

/// Returns the text of a body, as far as this person may see it. `whole` is false if only its beginning is there.
pub(crate) fn text(
    contract_index: &ContractIndex,
    event: &str,
    body: &[u8],
    whole: bool,
    sight: BodySight,
) -> Result<String, &'static str> {
    let schema = contract_index.events.get(event).map(|listed| &listed.schema);
    let parsed = whole.then(|| serde_json::from_slice::<Value>(body).ok()).flatten();
    match (schema, parsed) {
        (Some(schema), Some(mut value)) => {
            if !sight.is_unmasked {
                mask(&mut value, schema);
            }
            Ok(serde_json::to_string_pretty(&value).unwrap_or_default())
        }
        // Nothing is personal, or the person may see bodies that cannot be masked.
        (Some(schema), None) if !has_personal(schema) => Ok(lossy(body)),
        (Some(_), None) | (None, _) if sight.role == Role::Operator => Ok(lossy(body)),
        (Some(_), None) | (None, _) => {
            Err("It cannot be told what in it is about a person: an operator may see it.")
        }
    }
}

pub(crate) fn of_row(contract_index: &ContractIndex, row: &EntryRow, sight: BodySight) -> Markup {
    let size = usize::try_from(row.size).unwrap_or_default();
    shown(contract_index, &row.event_type, (&row.body, size), sight)
}

pub(crate) fn shown(
    contract_index: &ContractIndex,
    event: &str,
    (body, size): (&[u8], usize),
    sight: BodySight,
) -> Markup {
    let is_whole = body.len() >= size;
    html! {
        @match text(contract_index, event, body, is_whole, sight) {
            _ if size == 0 => { p.quiet { "It has no body." } }
            Ok(text) => { pre.body tabindex="0" dir="auto" { (text) } }
            Err(why) => { p.quiet { (why) } }
        }
        @if !is_whole {
            p.quiet { "The first " (grouped(body.len())) " of "
                (grouped(size)) " bytes." }
        }
    }
}

/// Symbols replace characters that a page cannot carry.
fn lossy(body: &[u8]) -> String {
    String::from_utf8_lossy(body).replace('\0', "\u{2400}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_text_that_a_page_can_carry() {
        assert_eq!(lossy(b"a\0b\xff"), "a\u{2400}b\u{fffd}");
    }
}
