//! The three systems, and broken designs.

use std::path::Path;
use std::time::Instant;

use crate::contracts::Contracts;

use super::*;

fn contracts(system: &str) -> Contracts {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/contracts").join(system);
    Contracts::read(&folder).expect("contracts")
}

#[test]
fn the_three_systems_end_well_in_every_order() {
    for system in ["rides", "shop", "streaming"] {
        let begun = Instant::now();
        for searched in search(contracts(system).system()) {
            println!("{system} {} {} states {:?}", searched.saga, searched.states, begun.elapsed());
            assert!(searched.is_whole);
            assert_eq!(searched.counterexamples, [], "{system}");
        }
    }
}
