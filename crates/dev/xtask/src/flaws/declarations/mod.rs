//! Flaws in declarations: edits of contracts, wherever one has a place for them.

mod data;
pub(crate) mod found;
mod sagas;
mod steps;

use crate::flaws::contracts::Contracts;
use crate::flaws::declarations::found::{Declaration, FoundFlaws};

pub(crate) fn find(contracts: &Contracts) -> Vec<Declaration> {
    let mut found = FoundFlaws { contracts, all: Vec::new() };
    steps::find(&mut found);
    sagas::find(&mut found);
    data::find(&mut found);
    found.all
}

#[cfg(test)]
mod tests {
    use ballet_check::Contracts as Checked;
    use serde_json::{Value, json};

    use super::*;
    use crate::flaws::choose::in_turn;
    use crate::flaws::judges::named;

    fn findings(folder: &std::path::Path) -> Vec<Value> {
        let (contracts, unreadable) = Checked::readable(folder).expect("contracts");
        let unreadable = unreadable.iter().map(|error| json!({ "detail": error.to_string() }));
        let found = [contracts.problems(), contracts.notes()].concat();
        let found = found.iter().map(
            |of| json!({ "id": of.rule.id, "service": of.service, "of": of.of, "detail": of.detail }),
        );
        unreadable.chain(found).collect()
    }

    #[test]
    fn ten_flaws_are_found_by_the_rules_and_nothing_in_what_is_right() {
        let shop = Contracts::read("shop").expect("the shop's contracts");
        let folder = std::env::temp_dir().join(format!("ballet-flaws-{}", std::process::id()));
        shop.write(&folder, &[]).expect("written");
        let right = findings(&folder);
        assert!(right.is_empty(), "{right:?}");
        let mut flaws = find(&shop);
        flaws.retain(|flaw| !flaw.is_change && crate::flaws::page::reason(flaw.kind).is_none());
        let mut missed = Vec::new();
        for flaw in
            in_turn(flaws, 1, |flaw| flaw.kind, |flaw| flaw.place.clone()).into_iter().take(10)
        {
            shop.write(&folder, &flaw.edits).expect("written");
            if named(&flaw, &right, &findings(&folder)).is_none() {
                missed.push(format!("{}: {}", flaw.kind, flaw.place));
            }
        }
        std::fs::remove_dir_all(&folder).expect("removed");
        assert_eq!(missed, [""; 0]);
    }
}
