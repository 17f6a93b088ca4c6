//! The invariants of a sale at rest, whatever reached the service in whatever order.

use std::fmt::Debug;

use crate::facts::SagaFacts;
use crate::orders::ParticipantInput;
use crate::outside::{ProviderAccount, ProviderRequest};
use crate::sale::{Authorized, Captured, Declined, NotCaptured, Refunded, Released};

pub(crate) struct ParticipantCase<'a> {
    pub(crate) order: &'a [ParticipantInput],
    pub(crate) local: bool,
    /// Each thing was over before the next came.
    pub(crate) one_by_one: bool,
    pub(crate) account: &'a ProviderAccount,
    pub(crate) facts: &'a SagaFacts,
    /// How many holds there are, and how many of them are not freed.
    pub(crate) holds: (i64, i64),
}

pub(crate) fn equal<T: PartialEq + Debug>(what: &str, is: &T, should_be: &T) -> Result<(), String> {
    if is == should_be { Ok(()) } else { Err(format!("{what}: {is:?}, should be {should_be:?}")) }
}

fn never(what: &str, is: bool) -> Result<(), String> {
    if is { Err(what.to_owned()) } else { Ok(()) }
}

impl ParticipantCase<'_> {
    pub(crate) fn judge(&self) -> Result<(), String> {
        equal("asked outside", &self.account.wrong.join(", "), &String::new())?;
        self.each_thing_once()?;
        if self.at(&[ParticipantInput::Abort, ParticipantInput::AbortCopy]).is_some() {
            self.nothing_is_left()?;
        } else {
            self.everything_stands()?;
        }
        if self.one_by_one { self.told_what_happened_before_the_abort() } else { Ok(()) }
    }

    fn at(&self, actions: &[ParticipantInput]) -> Option<usize> {
        self.order.iter().position(|action| actions.contains(action))
    }

    fn each_thing_once(&self) -> Result<(), String> {
        let SagaFacts { ledger, calls, told } = self.facts;
        for (event, ids) in told {
            never(&format!("{event} became a dead letter"), event.contains(": "))?;
            let ours = event.starts_with("pay.");
            never(&format!("{event} {} times", ids.len()), ours && ids.len() > 1)?;
        }
        for (step, undo, closed) in calls {
            never(&format!("a call of {step} is open"), !closed)?;
            let same = calls.iter().filter(|(s, u, _)| s == step && u == undo).count();
            never(&format!("{step} called {same} times, undo: {undo}"), same > 1)?;
        }
        for ask in [
            ProviderRequest::Authorize,
            ProviderRequest::Capture,
            ProviderRequest::Void,
            ProviderRequest::Refund,
        ] {
            let keys = self.account.answers.values().filter(|(asked, _)| *asked == ask).count();
            never(&format!("{ask:?} under {keys} keys"), keys > 1)?;
        }
        equal("calls in the table", &calls.len(), &self.account.answers.len())?;
        for step in ["first", "second"] {
            let entries = |entry: &str| {
                ledger.iter().filter(|row| row.step == step && row.entry == entry).count()
            };
            let ends = entries("done") + entries("refused");
            let begun = entries("calling") + entries("undoing") + entries("undone");
            never(&format!("{step} does not end"), ends == 0 && begun > 0)?;
            never(&format!("{step} ends {ends} times"), ends > 1)?;
        }
        never("two holds", self.holds.0 > 1)
    }

    fn nothing_is_left(&self) -> Result<(), String> {
        let (account, facts) = (self.account, self.facts);
        if !self.local {
            let live = account.authorized && !account.voided && !account.refunded;
            never("the authorization is live", live)?;
        }
        equal("holds that are not freed", &self.holds.1, &0)?;
        never("captured, not refunded", account.captured && !account.refunded)?;
        let (told, untold) = (facts.told::<Captured>(), facts.told::<Refunded>());
        never("captured was told, refunded was not", told > untold)?;
        let (told, untold) = (facts.told::<Authorized>(), facts.told::<Released>());
        never("authorized was told, its end was not", told > untold && !account.refunded)?;
        let done = ["first", "second"].map(|step| facts.entry(step, "done"));
        let undone = ["first", "second"].map(|step| facts.entry(step, "undone"));
        for at in [0, 1] {
            equal("undone", &undone[at].is_some(), &done[at].is_some())?;
        }
        if let ([Some(first), Some(second)], [Some(first_undone), Some(second_undone)]) =
            (done, undone)
        {
            let reverse = (first < second) == (second_undone < first_undone);
            never("undone in the order in which it was done", !reverse)?;
        }
        let tombstones = facts.ledger.iter().filter(|row| row.entry == "aborted").count();
        equal("tombstones", &tombstones, &1)
    }

    fn everything_stands(&self) -> Result<(), String> {
        let (account, facts) = (self.account, self.facts);
        never("undone without an abort", account.voided || account.refunded)?;
        let undone = facts.told::<Released>() + facts.told::<Refunded>();
        equal("undos that were told", &undone, &0)?;
        equal("holds that are freed", &self.holds.0, &self.holds.1)?;
        equal("authorized told", &facts.told::<Authorized>(), &usize::from(account.authorized))?;
        equal("declined told", &facts.told::<Declined>(), &usize::from(!account.authorized))?;
        equal("captured told", &facts.told::<Captured>(), &usize::from(account.captured))?;
        let not = self.at(&[ParticipantInput::Second, ParticipantInput::SecondCopy]).is_some()
            && !account.captured;
        equal("not captured told", &facts.told::<NotCaptured>(), &usize::from(not))
    }

    /// A step ran if its trigger came before the abort. Its outcome was published if it was known before the abort.
    fn told_what_happened_before_the_abort(&self) -> Result<(), String> {
        let facts = self.facts;
        let end = self.order.len();
        let abort = self.at(&[ParticipantInput::Abort, ParticipantInput::AbortCopy]).unwrap_or(end);
        let first = self.at(&[ParticipantInput::First, ParticipantInput::FirstCopy]).unwrap_or(end);
        let second =
            self.at(&[ParticipantInput::Second, ParticipantInput::SecondCopy]).unwrap_or(end);
        let answer = |action| self.at(&[action]).unwrap_or(0);
        let answer_first = if self.local { 0 } else { answer(ParticipantInput::AnswerFirst) };
        let ran = |step: &str| facts.ledger.iter().any(|row| row.step == step);
        equal("the first step ran", &ran("first"), &(first < abort))?;
        equal("the second step ran", &ran("second"), &(second < abort))?;
        let told = facts.told::<Authorized>() + facts.told::<Declined>();
        let known = first < abort && first.max(answer_first) < abort;
        equal("the first step's outcome was told", &told, &usize::from(known))?;
        let told = facts.told::<Captured>() + facts.told::<NotCaptured>();
        let known = second < abort && second.max(answer(ParticipantInput::AnswerSecond)) < abort;
        equal("the second step's outcome was told", &told, &usize::from(known))
    }
}
