//! A compensation that says no.
include!("prelude.inc");

impl Compensate for Reserve {
    type Undone = Short;
    async fn compensate(&self, _: &mut Tx<'_>, _: Reserved) -> UndoResult<Self> {
        refused(Short {})
    }
}

fn main() {}
