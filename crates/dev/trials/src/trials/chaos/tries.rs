//! Counts the attempts at faults, and reports kinds that were never caused.

use std::collections::BTreeMap;

use ballet_ops::words::counted;

use crate::trials::chaos::faults::kind::FaultKind;

/// So many attempts without success show that a kind does not work.
const SEVERAL: usize = 5;

#[derive(Debug, Default)]
pub(crate) struct FaultTries {
    tried: BTreeMap<FaultKind, usize>,
    pub(crate) caused: BTreeMap<&'static str, usize>,
}

impl FaultTries {
    pub(crate) fn note(&mut self, kind: FaultKind, caused: bool) {
        *self.tried.entry(kind).or_default() += 1;
        if caused {
            *self.caused.entry(kind.name()).or_default() += 1;
        }
    }

    pub(crate) fn caused(&self, kind: FaultKind) -> usize {
        self.caused.get(kind.name()).copied().unwrap_or_default()
    }

    /// Few attempts, all without success.
    pub(crate) fn may_be_unlucky(&self, kind: FaultKind) -> bool {
        self.caused(kind) == 0 && self.tried.get(&kind).is_some_and(|tried| *tried < SEVERAL)
    }

    /// Whether some of these kinds may not work: few attempts without success, or `chosen` and not tried. Kills are
    /// tried all the time.
    pub(crate) fn are_open(&self, kinds: &[FaultKind], chosen: bool) -> bool {
        let untried = |kind: &FaultKind| chosen && !self.tried.contains_key(kind);
        let mut kinds = kinds.iter().filter(|kind| **kind != FaultKind::Kill);
        kinds.any(|kind| self.may_be_unlucky(*kind) || untried(kind))
    }

    /// Kinds without an attempt fail the run only if `chosen` by the user.
    pub(crate) fn never_caused(&self, kinds: &[FaultKind], chosen: bool) -> UncausedKinds {
        let (mut never, mut untried) = (UncausedKinds::default(), Vec::new());
        for kind in kinds.iter().filter(|kind| self.caused(**kind) == 0) {
            match self.tried.get(kind).copied().unwrap_or_default() {
                0 => untried.push(kind.name()),
                tried => {
                    let attempts = counted(tried, "attempt");
                    never.failed.push(format!("{}: {attempts} came to nothing", kind.name()));
                }
            }
        }
        if !untried.is_empty() {
            let list = if chosen { &mut never.failed } else { &mut never.left_out };
            list.push(format!("no time for {}", untried.join(", ")));
        }
        if self.caused.is_empty() {
            never.failed.push("not a single fault was caused".to_owned());
        }
        never
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct UncausedKinds {
    /// They fail the run: it did not try what it was to try.
    pub(crate) failed: Vec<String>,
    /// The run had no time for these.
    pub(crate) left_out: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_never_came_about_fails_the_run_if_it_was_chosen_or_tried() {
        let kinds = [FaultKind::Kill, FaultKind::Close, FaultKind::Memory, FaultKind::Dump];
        let mut tries = FaultTries::default();
        tries.note(FaultKind::Kill, true);
        tries.note(FaultKind::Close, false);
        (0..SEVERAL).for_each(|_| tries.note(FaultKind::Memory, false));

        let tried = ["close: 1 attempt came to nothing", "memory: 5 attempts came to nothing"];
        let never = tries.never_caused(&kinds, false);
        assert_eq!(never.failed, tried);
        assert_eq!(never.left_out, ["no time for dump"]);
        let never = tries.never_caused(&kinds, true);
        assert_eq!(never.failed, [&tried[..], &["no time for dump"]].concat());
        assert_eq!(never.left_out, [""; 0]);
        tries.note(FaultKind::Close, true);
        assert_eq!(
            tries.never_caused(&[FaultKind::Kill, FaultKind::Close], true),
            UncausedKinds::default()
        );
    }

    #[test]
    fn a_run_goes_on_for_what_was_unlucky_and_for_what_was_chosen() {
        let mut tries = FaultTries::default();
        assert!(!tries.are_open(&[FaultKind::Kill, FaultKind::Dump], false));
        assert!(
            tries.are_open(&[FaultKind::Dump], true) && !tries.are_open(&[FaultKind::Kill], true)
        );
        tries.note(FaultKind::Dump, false);
        assert!(tries.are_open(&[FaultKind::Dump], false));
        (1..SEVERAL).for_each(|_| tries.note(FaultKind::Dump, false));
        assert!(!tries.are_open(&[FaultKind::Dump], true));
        tries.note(FaultKind::Close, true);
        assert!(!tries.are_open(&[FaultKind::Close], true));
    }

    #[test]
    fn a_run_without_any_fault_fails() {
        let never = FaultTries::default().never_caused(&[FaultKind::Queue], false);
        assert_eq!(never.failed, ["not a single fault was caused"]);
    }
}
