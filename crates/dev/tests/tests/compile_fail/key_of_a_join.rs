//! A join has no key.
include!("prelude.inc");

struct Both;
impl Step for Both {
    const NAME: &'static str = "both";
    type On = (Placed, Reserved);
    type Done = Reserved;
    type Refused = Never;
    fn key(_: &(Placed, Reserved)) -> Option<String> {
        Some("both".to_owned())
    }
    async fn run(&self, _: &mut Tx<'_>, _: (Placed, Reserved)) -> StepResult<Self> {
        done(Reserved {})
    }
}

fn main() {}
