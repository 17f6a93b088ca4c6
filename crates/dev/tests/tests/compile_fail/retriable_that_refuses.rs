//! A retriable step that may refuse.
include!("prelude.inc");

fn main() {
    Participant::new("inventory").saga::<Fulfillment>(|saga| saga.retriable(Reserve));
}
