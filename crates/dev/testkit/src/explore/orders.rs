//! All orders of a few things.

/// Returns every distinct order; equal things are interchangeable.
#[must_use]
pub fn orders<T: Copy + Ord>(things: &[T]) -> Vec<Vec<T>> {
    let mut order = things.to_vec();
    order.sort_unstable();
    let mut all = vec![order.clone()];
    // The next permutation: swap the last rise, reverse the rest.
    while let Some(at) = (1..order.len()).rfind(|at| order[at - 1] < order[*at]) {
        let swap = (at..order.len()).rfind(|with| order[at - 1] < order[*with]);
        order.swap(at - 1, swap.unwrap_or(at));
        order[at..].reverse();
        all.push(order.clone());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_all_there_and_distinct() {
        assert_eq!(orders(&[1, 2, 3, 4, 5]).len(), 120);
        let mut some = orders(&[1, 1, 2, 2, 3]);
        assert_eq!(some.len(), 30);
        some.dedup();
        assert_eq!(some.len(), 30);
        assert!(some.is_sorted());
    }
}
