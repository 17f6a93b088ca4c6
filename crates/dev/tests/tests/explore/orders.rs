//! The things that can reach a participant for one saga, in all orders.

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ParticipantInput {
    /// When it occurs twice, the id is the same.
    First,
    /// The same event under another id.
    FirstCopy,
    /// The trigger of the later step, the pivot.
    Second,
    SecondCopy,
    Abort,
    AbortCopy,
    AnswerFirst,
    AnswerSecond,
    AnswerUndo,
}

/// Every distinct order; equal things are interchangeable.
pub(crate) fn orders<T: Copy + Ord>(things: &[T]) -> Vec<Vec<T>> {
    let mut order = things.to_vec();
    order.sort_unstable();
    let mut all = vec![order.clone()];
    // The next permutation: swap the last rise, reverse the rest.
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
