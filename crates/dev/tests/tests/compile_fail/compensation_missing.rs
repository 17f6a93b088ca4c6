//! A compensatable step without a compensation.
include!("prelude.inc");

fn main() {
    Participant::new("inventory").saga::<Fulfillment>(|saga| saga.compensatable(Reserve));
}
