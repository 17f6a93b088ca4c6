//! A compensation that says no.
include!("prelude.inc");

impl Compensate for Reserve {
    type Compensated = Short;
    async fn compensate(&self, _: &mut Tx<'_>, _: Reserved) -> CompensateResult<Self> {
        refused(Short {})
    }
}

fn main() {}
