//! The type of a check: a name, and a function over the step's rig.

use futures_util::future::LocalBoxFuture;

use crate::suite::rig::check_result::CheckResult;
use crate::suite::rig::step_rig::StepRig;

type RunCheck = dyn for<'b> Fn(&'b StepRig<'b>) -> LocalBoxFuture<'b, CheckResult>;

pub(crate) struct StepCheck {
    pub(crate) name: String,
    pub(crate) run: Box<RunCheck>,
}

impl StepCheck {
    pub(crate) fn new(
        name: impl Into<String>,
        run: impl for<'b> Fn(&'b StepRig<'b>) -> LocalBoxFuture<'b, CheckResult> + 'static,
    ) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

macro_rules! check {
    ($name:expr, $run:expr) => {
        $crate::suite::checks::check::StepCheck::new($name, |rig| Box::pin($run(rig)))
    };
    ($name:expr, $run:expr, $($with:expr),+) => {
        $crate::suite::checks::check::StepCheck::new($name, move |rig| Box::pin($run(rig, $($with),+)))
    };
}
pub(crate) use check;
