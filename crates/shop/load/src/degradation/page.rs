//! `docs/shop/degradation.md`, made from what was seen.

use std::fmt::Write as _;

use crate::degradation::operation::Operation;
use crate::degradation::outage::{Meanwhile, Outage};
use crate::degradation::overdue::{Overdue, STOPPED};

pub(crate) const FILE: &str = "docs/shop/degradation.md";

const BEFORE: &str = "\
# What works while a service is down

<!-- Written by `cargo xtask degradation --write`; do not edit. -->

Each column is a service that was killed while customers bought through the gateway. Each row is what a
client did meanwhile, and what it got. `cargo xtask degradation` stops them one after the other on a real
broker and real databases, and fails if anything went otherwise than this page says; the tests run it.

";

const AFTER: &str = "
- **✓** is an answer as usual. **✓ without** a part is a page that is composed of several services: the part
  is `null`, and `missing` in the answer names it with the reason. The rest of the page is there.
- **503** is `Service Unavailable` with `Retry-After`, as problem+json. Its sentence is that the service cannot
  be reached, or, after several failures, that it is left alone for a moment. Nothing was sent, so the client
  sends the same request again, with the same `Idempotency-Key`.
- A request that was under way when the service died is answered with 502: nobody knows whether it took
  effect. An order is sent again under the same key, and is placed once. Under the key of another request the gateway
  answers 409 from then on: the client looks, and chooses a new key if it did not take effect.
- **no answer** is a connection that is refused. Several gateways behind one address share their limits and
  their memory of `Idempotency-Key` in a database, so one of them may go.

An order that is placed while a service is down:

";

const LAST: &str = "
Every order that a customer was told of ends as it must once the service is back: completed, or cancelled
with everything undone. Its events wait in the service's queue, and no customer has to do anything. The
audit then finds no violation, and there are no other orders than those that customers know, apart from
requests that were under way when the gateway was killed.

An order does not wait for ever: if it is not paid at its deadline, 15 minutes unless
`ORDER_DEADLINE_SECONDS` says otherwise, it is cancelled, and every service undoes its part when it is back.
";

pub(crate) fn text(outages: &[Outage], overdue: &Overdue) -> String {
    let mut text = BEFORE.to_owned();
    let row = |text: &mut String, name: &str, cells: &[String]| {
        // Writing to a string does not fail.
        writeln!(text, "| {name} | {} |", cells.join(" | ")).ok();
    };
    let cells = |of: &dyn Fn(&Outage) -> String| outages.iter().map(of).collect::<Vec<_>>();
    row(&mut text, "a client can, without", &cells(&|outage| format!("`{}`", outage.stopped)));
    row(&mut text, "---", &cells(&|_| "---".to_owned()));
    for operation in Operation::ALL {
        let seen = |outage: &Outage| {
            let seen = outage.seen.iter().find(|(other, _)| *other == operation);
            seen.map(|(_, seen)| seen.cell()).unwrap_or_default()
        };
        row(&mut text, operation.name(), &cells(&seen));
    }
    text += AFTER;
    row(&mut text, "without", &["what becomes of it".to_owned()]);
    row(&mut text, "---", &["---".to_owned()]);
    for Outage { stopped, meanwhile, .. } in outages {
        let becomes = match meanwhile {
            Meanwhile::Completed => "completed as usual".to_owned(),
            Meanwhile::Waits => {
                format!("taken; it stays `placed`, and its event waits in the queue `{stopped}`")
            }
            Meanwhile::Refused => "not taken; the customer sends it again".to_owned(),
        };
        row(&mut text, &format!("`{stopped}`"), &[becomes]);
    }
    text += LAST;
    let Overdue { status, reason, deadline_seconds } = overdue;
    writeln!(
        text,
        "An order that was placed without `{STOPPED}`, with {deadline_seconds} seconds to its deadline, \
         was\n`{status}` with the reason `{reason}` before `{STOPPED}` was back. Afterwards the audit found \
         no violation."
    )
    .ok();
    text
}
