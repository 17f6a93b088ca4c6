//! The broker's objects against the declarations, as `ballet topology check` compares them.

use ballet::core::System;
use ballet::core::topology::drift::{Difference, Found, Kind, compare};
use ballet::core::{contract, topology};
use ballet_ops::audit;

use crate::doctor::finding::Finding;

pub(super) fn judge(system: &System, vhost: &str, found: &Found) -> Vec<Finding> {
    let here = contract::system(vhost, system.parts.clone());
    let differences = compare(&topology::definitions(&here, |_| String::new()), found);
    let mut findings: Vec<Finding> =
        differences.iter().filter(|difference| difference.is_drift()).map(finding).collect();
    if findings.is_empty() {
        findings.push(Finding::well("topology", "the broker", "it is as declared"));
    }
    for (queue, count) in audit::held_in(&found.queues) {
        let words = audit::held_words(&queue, count);
        let advice = "see with `ballet topology check` whether they stay";
        findings.push(Finding::warning("held", "the broker", &words, advice));
    }
    findings
}

fn finding(difference: &Difference) -> Finding {
    let advice = match difference {
        Difference::Policed { remedies, .. } if !remedies.is_empty() => {
            format!("as an administrator: {}", remedies.join(", "))
        }
        Difference::Other { kind: Kind::Exchange | Kind::Queue, .. } => {
            "it cannot be changed: `ballet topology check` says how to make it anew".to_owned()
        }
        _ => "mend it with `ballet topology apply`".to_owned(),
    };
    Finding::bad("topology", "the broker", &difference.to_string(), &advice)
}
