//! Each aim with the path that leads to it.

use std::collections::HashMap;

use ballet_core::fault::FaultPoint;

use crate::system::subject::Subject;
use crate::trials::kills::aims::{Aim, CLAIMS};
use crate::trials::kills::path::SystemPath;

/// A kill, or two if the second needs a first.
#[derive(Debug)]
pub(crate) struct KillCase {
    pub(crate) aims: Vec<Aim>,
    /// Leads to the aim, or keeps the process busy until it gets there.
    pub(crate) path: SystemPath,
    pub(crate) by_itself: bool,
}

pub(crate) type LeadingPaths = HashMap<(&'static str, String), SystemPath>;

/// The cases of one service, and the errors in the list of unreachable points.
pub(crate) fn plan(
    subject: &Subject,
    aims: &[Aim],
    service: &'static str,
    leading: &LeadingPaths,
) -> (Vec<KillCase>, Vec<String>) {
    let (mut cases, mut wrong) = (Vec::new(), Vec::new());
    let led = |aim: &Aim| leading.get(&(service, aim.line())).copied();
    for aim in aims {
        // Every process dies there at its first start.
        if aim.what == "partitions" {
            continue;
        }
        let by_itself = aim.what == "truncate";
        let first = match &*aim.what {
            // Any kill leads to the claims of a dead process.
            CLAIMS => aims.iter().find(|one| one.what != CLAIMS && led(one).is_some()).cloned(),
            _ => aim.after(),
        };
        let path = if by_itself {
            // A table with rows is emptied once its turn is over.
            aims.iter().filter(|aim| aim.point == FaultPoint::BeforePublish).find_map(led)
        } else {
            led(first.as_ref().unwrap_or(aim))
        };
        let line = aim.line();
        match (path, aim.unreachable().or_else(|| subject.tried.unreachable(service, &line))) {
            (Some(path), None) => {
                let aims = first.into_iter().chain([aim.clone()]).collect();
                cases.push(KillCase { aims, path, by_itself });
            }
            (None, Some(_)) => {}
            (Some(_), Some(reason)) => {
                wrong.push(format!("{service} reaches {line}, though {reason}"));
            }
            // The service publishes nothing, so its tables stay empty.
            (None, None) if by_itself => {}
            (None, None) => wrong.push(format!(
                "nothing leads {service} to {line}: add a case, or say why (`Trial::unreachable`)"
            )),
        }
    }
    (cases, wrong)
}
