//! The things that can reach a participant for one saga, and all orders of them.

/// Something that happens to a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ParticipantInput {
    /// The first step's trigger; when it occurs twice, under the same id.
    First,
    /// The same event under another id.
    FirstCopy,
    /// The trigger of the later step, the pivot.
    Second,
    SecondCopy,
    Abort,
    AbortCopy,
    /// The other side answers the call of the first step.
    AnswerFirst,
    AnswerSecond,
    /// It answers the calls of the undos.
    AnswerUndo,
}

/// Every distinct order of the given things; equal ones are not told apart.
pub(crate) fn orders<T: Copy + Ord>(things: &[T]) -> Vec<Vec<T>> {
    let mut order = things.to_vec();
    order.sort_unstable();
    let mut all = vec![order.clone()];
    // The next one in the order of the alphabet: swap the last rise, turn the rest round.
    while let Some(at) = (1..order.len()).rfind(|at| order[at - 1] < order[*at]) {
        let swap = (at..order.len()).rfind(|with| order[at - 1] < order[*with]);
        order.swap(at - 1, swap.expect("the rise itself, if nothing else"));
        order[at..].reverse();
        all.push(order.clone());
    }
    all
}

#[test]
fn orders_are_all_there_and_distinct() {
    assert_eq!(orders(&[1, 2, 3, 4, 5]).len(), 120);
    let mut some = orders(&[1, 1, 2, 2, 3]);
    assert_eq!(some.len(), 30);
    some.dedup();
    assert_eq!(some.len(), 30);
    assert!(some.is_sorted());
}
