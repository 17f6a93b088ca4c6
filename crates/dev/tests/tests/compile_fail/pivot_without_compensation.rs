//! A pivot without a compensation.
include!("prelude.inc");

fn main() {
    Participant::new("inventory").saga::<Fulfillment>(|saga| saga.pivot(Reserve));
}
