//! How lines slow down, share their turns and go on.

use tokio::time::sleep;

use super::*;

const LIMIT: usize = 20;

fn lines() -> [CallLine; 2] {
    let time_limit = Duration::from_secs(30);
    CallLine::of(LineOf { step: "rent_car", undo: false, limit: LIMIT, time_limit })
}

fn line() -> CallLine {
    let [first, _] = lines();
    first
}

fn room(line: &CallLine) -> usize {
    line.room(Instant::now(), true).map_or(0, |room| room.count)
}

/// The room for due calls, if it looks for them by itself.
fn own_room(line: &CallLine) -> Option<usize> {
    line.room(Instant::now(), false).map(|room| room.count)
}

fn fail(line: &CallLine, count: usize) {
    line.looked(count, count);
    for _ in 0..count {
        line.failed();
    }
}

#[tokio::test(start_paused = true)]
async fn t189_a_line_slows_down_while_every_call_fails_and_goes_on_with_the_first_answer() {
    let [_, line] = lines();
    assert_eq!(room(&line), LIMIT * HELD);
    fail(&line, LIMIT - 1);
    assert_eq!(room(&line), LIMIT * HELD, "some failures are not an outage");
    fail(&line, 1);
    for pause in [1, 2, 4, 8, 10, 10] {
        assert_eq!(room(&line), 0);
        sleep(Duration::from_secs(pause)).await;
        assert_eq!(room(&line), LIMIT / 2, "a portion after {pause} s");
        fail(&line, LIMIT / 2);
    }
    assert!(line.answered(), "the provider was away");
    assert_eq!(room(&line), LIMIT * HELD);
    assert!(!line.answered());
}

fn fill(line: &CallLine) {
    for _ in 0..LIMIT * HELD {
        assert!(line.has_room_for_new());
        line.add();
    }
}

/// Answers calls as fast as new ones come. Returns the room for due calls.
fn room_under_load(line: &CallLine) -> Option<usize> {
    (0..LIMIT * HELD).find_map(|_| {
        line.remove();
        if line.has_room_for_new() {
            line.add();
        }
        own_room(line)
    })
}

#[tokio::test(start_paused = true)]
async fn t189_new_calls_do_not_overtake_those_that_wait_for_room() {
    let line = line();
    fill(&line);
    assert!(!line.has_room_for_new());
    line.look_at(Instant::now());
    let count = room_under_load(&line).expect("the call without room is claimed");
    line.looked(count, count);
    assert!(!line.has_room_for_new(), "more may wait");
    assert!(own_room(&line).is_some());
    line.looked(count, 1);
    assert!(line.has_room_for_new(), "none waits");
}

#[tokio::test(start_paused = true)]
async fn t189_a_retry_and_the_calls_of_others_find_room_while_a_line_is_busy() {
    let line = line();
    fill(&line);
    line.remove();
    line.look_at(Instant::now() + Duration::from_secs(1));
    assert!(line.has_room_for_new(), "the retry is not due");
    sleep(Duration::from_secs(1)).await;
    let count = room_under_load(&line).expect("room for the retry");
    line.looked(count, 1);

    while line.has_room_for_new() {
        line.add();
    }
    line.looked(count, 1);
    line.remove();
    assert!(line.has_room_for_new());
    assert_eq!(room(&line), 0);
    room_under_load(&line).expect("room for the calls of others");
}

#[tokio::test(start_paused = true)]
async fn t205_calls_that_failed_take_no_turn_of_those_that_were_not_asked_before() {
    let [first, repeated] = lines();
    let mut turns = Vec::new();
    while let Ok(turn) = tokio::time::timeout(Duration::ZERO, repeated.turn()).await {
        turns.push(turn);
    }
    assert_eq!(turns.len(), LIMIT - LIMIT / 4, "all that they may take");
    for _ in 0..LIMIT {
        first.failed();
        repeated.failed();
    }
    assert_eq!(room(&repeated), 0, "it slows down");
    assert!(first.has_room_for_new() && room(&first) > 0, "each is made once, at once");
    for _ in 0..LIMIT / 4 {
        let turn = tokio::time::timeout(Duration::ZERO, first.turn()).await;
        turns.push(turn.expect("a turn is left"));
    }
}
