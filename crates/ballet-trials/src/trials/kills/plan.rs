//! The cases: what a process is killed at, and what leads to it.

use std::collections::HashMap;

use ballet_fault::FaultPoint;

use crate::system::subject::Subject;
use crate::trials::kills::aims::{Aim, CLAIMS};
use crate::trials::kills::path::Path;

/// One kill, or two when the second needs a first.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) aims: Vec<Aim>,
    /// What leads to it, or gives the process work until it comes by itself.
    pub(crate) path: Path,
    pub(crate) by_itself: bool,
}

/// Which path is the first that leads to a point, in which service.
pub(crate) type Leading = HashMap<(&'static str, String), Path>;

/// The cases of one service, and what is wrong with the list of what cannot be reached.
pub(crate) fn plan(
    subject: &Subject,
    aims: &[Aim],
    service: &'static str,
    leading: &Leading,
) -> (Vec<Case>, Vec<String>) {
    let (mut cases, mut wrong) = (Vec::new(), Vec::new());
    let led = |aim: &Aim| leading.get(&(service, aim.line())).copied();
    for aim in aims {
        // Every process dies there at its first start.
        if aim.what == "partitions" {
            continue;
        }
        let by_itself = aim.what == "truncate";
        let first = match &*aim.what {
            // The claims of a process that is gone: any kill does.
            CLAIMS => aims.iter().find(|one| one.what != CLAIMS && led(one).is_some()).cloned(),
            _ => aim.after(),
        };
        let path = if by_itself {
            // A table is emptied once its turn is over, if anything is in it.
            aims.iter().filter(|aim| aim.point == FaultPoint::BeforePublish).find_map(led)
        } else {
            led(first.as_ref().unwrap_or(aim))
        };
        let line = aim.line();
        match (path, aim.unreachable().or_else(|| subject.tried.unreachable(service, &line))) {
            (Some(path), None) => {
                let aims = first.into_iter().chain([aim.clone()]).collect();
                cases.push(Case { aims, path, by_itself });
            }
            (None, Some(_)) => {}
            (Some(_), Some(reason)) => {
                wrong.push(format!("{service} reaches {line}, though {reason}"));
            }
            // It publishes nothing, so its tables stay empty.
            (None, None) if by_itself => {}
            (None, None) => wrong.push(format!(
                "nothing leads {service} to {line}: add a case, or say why (`Trial::unreachable`)"
            )),
        }
    }
    (cases, wrong)
}
