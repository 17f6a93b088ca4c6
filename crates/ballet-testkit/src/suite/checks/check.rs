//! The type of a check: a name, and a function over the step's rig.

use futures_util::future::LocalBoxFuture;

use crate::suite::rig::step_rig::StepRig;
use crate::suite::rig::wrong::Checked;

type RunCheck = dyn for<'b> Fn(&'b StepRig<'b>) -> LocalBoxFuture<'b, Checked>;

/// A check, with the name for its failures.
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) run: Box<RunCheck>,
}

impl Check {
    pub(crate) fn new(
        name: impl Into<String>,
        run: impl for<'b> Fn(&'b StepRig<'b>) -> LocalBoxFuture<'b, Checked> + 'static,
    ) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

/// Makes a check from an async function.
macro_rules! check {
    ($name:expr, $run:expr) => {
        $crate::suite::checks::check::Check::new($name, |rig| Box::pin($run(rig)))
    };
    ($name:expr, $run:expr, $($with:expr),+) => {
        $crate::suite::checks::check::Check::new($name, move |rig| Box::pin($run(rig, $($with),+)))
    };
}
pub(crate) use check;
