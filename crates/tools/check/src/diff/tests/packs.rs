//! Packs are turned on consumers first, and off owner first.

use super::*;

fn packs(all: &mut [Value; 2], packs: bool) {
    let events = all[0]["events"].as_array_mut().expect("events");
    let placed = events.iter_mut().find(|event| event["name"] == PLACED).expect("the event");
    placed["packs"] = json!(packs);
}

/// What is said of a change from one state (the owner packs, the consumer takes packs) to another.
fn said(from: (bool, bool), to: (bool, bool)) -> Vec<(String, String)> {
    let [before, after] = [from, to].map(|(owner, consumer)| {
        let mut all = system();
        packs(&mut all, owner);
        all[1]["takes_packs"] = json!(consumer);
        all
    });
    let diff = changes(&contracts(&before), &contracts(&after));
    let said = |change: ContractChange| {
        assert_eq!((change.rule, &*change.subject), ("packs", PLACED), "{change:?}");
        (change.breaks.join(" "), change.advice)
    };
    diff.into_iter().map(said).collect()
}

#[test]
fn consumers_take_packs_before_their_owner_packs_and_stop_after_it() {
    let (none, takes, both) = ((false, false), (false, true), (true, true));
    for (from, to) in [(none, takes), (takes, both), (both, takes), (takes, none)] {
        assert_eq!(said(from, to), Vec::new(), "{from:?} to {to:?}");
    }
    for (from, to, first) in [
        (none, both, "release inventory first"),
        (none, (true, false), "let inventory take packs"),
        (takes, (true, false), "let inventory take packs"),
        (both, none, "release orders first"),
        (both, (true, false), "let inventory take packs"),
    ] {
        let said = said(from, to);
        let [(breaks, advice)] = &said[..] else { panic!("{from:?} to {to:?}: {said:?}") };
        assert_eq!(breaks, "inventory");
        assert!(advice.starts_with(first), "{from:?} to {to:?}: {advice}");
    }
    assert_eq!(said((true, false), (true, false)), Vec::new(), "an earlier mismatch is no change");
}
