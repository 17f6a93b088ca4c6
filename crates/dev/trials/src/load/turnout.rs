//! The number of customers of each case, and of those that got through.

use std::collections::BTreeMap;

/// If so many customers of a case failed and none got through, the cause is not a fault.
const ENOUGH: usize = 5;

#[derive(Debug, Default)]
pub(crate) struct Turnout {
    cases: BTreeMap<&'static str, CaseTurnout>,
}

#[derive(Debug, Default)]
struct CaseTurnout {
    all: usize,
    through: usize,
    /// The first customer's.
    error: String,
}

impl Turnout {
    pub(crate) fn add(&mut self, case: &'static str, error: Option<String>) {
        let came = self.cases.entry(case).or_default();
        came.all += 1;
        match error {
            None => came.through += 1,
            Some(error) if came.error.is_empty() => came.error = error,
            Some(_) => {}
        }
    }

    /// A sentence for each case with which no customer got through.
    pub(crate) fn not_tried(&self) -> Vec<String> {
        let Self { cases } = self;
        let through: usize = cases.values().map(|came| came.through).sum();
        if through == 0 && cases.is_empty() {
            return vec!["no customer came, so nothing was tried".to_owned()];
        }
        let is_out = |came: &CaseTurnout| came.through == 0 && (through == 0 || came.all >= ENOUGH);
        let out = cases.iter().filter(|(_, came)| is_out(came));
        out.map(|(case, CaseTurnout { all, error, .. })| {
            format!(
                "no customer of the case {case} got through, of {all}; the first was told: {error}"
            )
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(customers: &[(&'static str, usize, Option<&str>)]) -> Vec<String> {
        let mut turnout = Turnout::default();
        for (case, count, error) in customers {
            (0..*count).for_each(|_| turnout.add(case, error.map(str::to_owned)));
        }
        turnout.not_tried()
    }

    #[test]
    fn a_run_in_which_nobody_gets_through_tries_nothing() {
        assert_eq!(of(&[]), ["no customer came, so nothing was tried"]);
        assert_eq!(
            of(&[("order", 1, Some("400 no such field"))]),
            [
                "no customer of the case order got through, of 1; the first was told: 400 no such field"
            ]
        );
    }

    #[test]
    fn a_case_of_which_many_came_and_none_got_through_is_not_tried() {
        let refused = Some("422");
        assert_eq!(of(&[("order", 1, None), ("gift", 5, refused)]).len(), 1);
        assert_eq!(of(&[("order", 1, None), ("gift", 5, refused), ("gift", 1, None)]), [""; 0]);
        // One fault may keep a few customers out.
        assert_eq!(of(&[("order", 1, None), ("gift", 4, refused)]), [""; 0]);
    }
}
