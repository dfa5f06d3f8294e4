use std::{collections::HashSet, time::Duration};

use proptest::{collection::vec, prelude::*};

use super::*;

/// Schedule with requests that have no relevant deadline.
#[derive(Default)]
struct Bench {
    schedule: Schedule,
}

impl Bench {
    /// Adds a request with windows of these lengths, each of an item of its own.
    fn add(&mut self, request: RequestId, lengths: &[usize]) {
        let windows = lengths.iter().enumerate();
        let windows: Vec<_> = windows
            .map(|(item, &tokens)| Window {
                request,
                item,
                index: 0,
                tokens,
            })
            .collect();
        self.schedule.add(request, unhurried(), &windows);
    }

    fn batch(&mut self, max_tokens: usize) -> Vec<Window> {
        self.schedule.next_batch(max_tokens, Instant::now()).windows
    }

    /// Requests of the windows in the next batch.
    fn requests(&mut self, max_tokens: usize) -> Vec<RequestId> {
        let batch = self.batch(max_tokens);
        batch.iter().map(|window| window.request).collect()
    }

    /// Lengths of the windows in the next batch.
    fn lengths(&mut self, max_tokens: usize) -> Vec<usize> {
        lengths(&self.batch(max_tokens))
    }
}

fn unhurried() -> Deadlines {
    until(Instant::now() + Duration::from_hours(24))
}

fn until(deadline: Instant) -> Deadlines {
    Deadlines {
        start_by: deadline,
        deadline,
    }
}

fn lengths(batch: &[Window]) -> Vec<usize> {
    batch.iter().map(|window| window.tokens).collect()
}

fn tokens(batch: &[Window]) -> usize {
    batch.iter().map(|window| window.tokens).sum()
}

#[test]
fn nothing_waits_and_nothing_comes() {
    let mut bench = Bench::default();
    bench.add(0, &[]);
    assert_eq!(bench.batch(512), []);
    assert_eq!(bench.schedule.items(), 0);
}

#[test]
fn a_window_larger_than_a_batch_goes_alone() {
    let mut bench = Bench::default();
    bench.add(0, &[600, 600]);
    assert_eq!(bench.lengths(512), [600]);
    assert_eq!(bench.lengths(1), [600]);
}

#[test]
fn a_batch_is_as_full_as_it_may_be() {
    let mut bench = Bench::default();
    bench.add(0, &[77; 5]);
    bench.add(1, &[77; 5]);
    assert_eq!(bench.lengths(512), [77; 6]);
    assert_eq!(bench.lengths(512), [77; 4]);
}

#[test]
fn single_questions_are_first_come_first_served_whatever_their_length() {
    let mut bench = Bench::default();
    for (request, length) in [300, 20, 384, 100].into_iter().enumerate() {
        bench.add(request as u64, &[length]);
    }
    assert_eq!(bench.requests(100), [0]);
    assert_eq!(bench.requests(100), [1]);
    bench.add(4, &[10]);
    for request in 2..5 {
        assert_eq!(bench.requests(100), [request]);
    }
}

#[test]
fn a_single_question_leads_the_batch_after_a_list_has_begun() {
    let mut bench = Bench::default();
    bench.add(0, &[77; 1000]);
    assert_eq!(bench.requests(512), [0; 6]);
    bench.add(1, &[77]);
    assert_eq!(bench.requests(512)[0], 1);
}

#[test]
fn a_list_that_has_waited_alone_gets_no_debt_and_a_newcomer_no_credit() {
    let mut bench = Bench::default();
    bench.add(0, &[100; 1000]);
    for _ in 0..100 {
        bench.batch(100);
    }
    bench.add(1, &[100; 1000]);
    let mut had = [0, 0];
    for _ in 0..100 {
        for window in bench.batch(100) {
            had[usize::try_from(window.request).unwrap()] += window.tokens;
        }
    }
    assert!(had[0].abs_diff(had[1]) <= TURN_TOKENS, "{had:?}");
}

#[test]
fn long_and_short_windows_get_the_same_share_of_tokens() {
    let mut bench = Bench::default();
    bench.add(0, &[384; 100]);
    bench.add(1, &[64; 600]);
    let mut had = [0_usize, 0];
    for _ in 0..60 {
        for window in bench.batch(384) {
            had[usize::try_from(window.request).unwrap()] += window.tokens;
        }
    }
    assert!(had[0].abs_diff(had[1]) <= 768, "{had:?}");
}

#[test]
fn single_questions_without_end_do_not_starve_a_list() {
    let mut bench = Bench::default();
    bench.add(0, &[300; 10]);
    // Three single questions always wait: a new one arrives for each one that is taken.
    let mut newest = 3;
    for request in 1..=newest {
        bench.add(request, &[100]);
    }
    let mut of_list = 0;
    for _ in 0..200 {
        for request in bench.requests(100) {
            if request == 0 {
                of_list += 1;
            } else {
                newest += 1;
                bench.add(newest, &[100]);
            }
        }
    }
    assert_eq!(of_list, 10);
}

#[test]
fn windows_of_like_length_go_together_and_others_wait_one_batch() {
    let mut bench = Bench::default();
    for (request, length) in [80, 200, 82, 81].into_iter().enumerate() {
        bench.add(request as u64, &[length]);
    }
    assert_eq!(bench.lengths(512), [80, 82, 81]);
    assert_eq!(bench.lengths(512), [200]);
}

#[test]
fn a_list_is_cut_into_batches_of_like_length() {
    let mut bench = Bench::default();
    let mixed: Vec<_> = (0..300).map(|index| 20 + index * 97 % 100).collect();
    bench.add(0, &mixed);
    let (mut batches, mut all, mut padding) = (0, 0, 0);
    loop {
        let batch = bench.batch(512);
        let Some(longest) = lengths(&batch).into_iter().max() else {
            break;
        };
        padding += longest * batch.len() - tokens(&batch);
        all += tokens(&batch);
        batches += 1;
    }
    assert_eq!(all, mixed.iter().sum::<usize>());
    assert!(padding * 20 < all, "{padding} of {all}");
    // The number of batches is at most a quarter higher than without the limit.
    assert!(batches < all / 512 * 5 / 4, "{batches} of {all}");
}

#[test]
fn several_workers_share_one_request() {
    let mut bench = Bench::default();
    let windows = [0, 1, 2].map(|index| Window {
        request: 7,
        item: 0,
        index,
        tokens: 384,
    });
    bench.schedule.add(7, unhurried(), &windows);
    assert_eq!(bench.schedule.items(), 1);
    for window in windows {
        assert_eq!(bench.batch(384), [window]);
    }
    assert_eq!((bench.schedule.items(), bench.schedule.tokens()), (0, 0));
}

#[test]
fn what_is_withdrawn_never_comes() {
    let mut bench = Bench::default();
    bench.add(0, &[50, 60]);
    bench.add(1, &[70]);
    bench.schedule.withdraw(1);
    bench.schedule.withdraw(1);
    bench.schedule.withdraw_item(0, 1);
    bench.schedule.withdraw_item(0, 1);
    bench.schedule.withdraw_item(5, 0);
    assert_eq!((bench.schedule.items(), bench.schedule.tokens()), (1, 50));
    assert_eq!(bench.lengths(512), [50]);
    assert_eq!(bench.batch(512), []);
}

#[test]
fn what_is_late_never_comes() {
    let (early, late) = (Instant::now(), unhurried());
    let window = |request| Window {
        request,
        item: 0,
        index: 0,
        tokens: 10,
    };
    let mut schedule = Schedule::default();
    schedule.add(0, until(early), &[window(0)]);
    schedule.add(1, late, &[window(1)]);
    schedule.add(2, until(early), &[window(2)]);
    assert_eq!(schedule.next_batch(512, early).windows, [window(1)]);
    assert_eq!(schedule.next_batch(512, early).windows, []);
    assert_eq!((schedule.items(), schedule.tokens()), (0, 0));
}

#[test]
fn a_request_without_a_turn_is_late_and_a_request_that_has_started_is_not() {
    let now = Instant::now();
    let after = now + Duration::from_secs(1);
    let hurried = Deadlines {
        start_by: now,
        ..unhurried()
    };
    let window = |request, item| Window {
        request,
        item,
        index: 0,
        tokens: 100,
    };
    let mut schedule = Schedule::default();
    schedule.add(0, hurried, &[window(0, 0), window(0, 1)]);
    schedule.add(1, hurried, &[window(1, 0)]);
    schedule.add(2, unhurried(), &[window(2, 0)]);
    assert_eq!(schedule.next_batch(100, now).windows, [window(0, 0)]);
    let next = schedule.next_batch(500, after);
    let share = RequestTokens {
        total: 100,
        left: 100,
    };
    assert_eq!(next.late, [(1, share)]);
    assert_eq!(next.windows, [window(2, 0), window(0, 1)]);
    assert_eq!(schedule.tokens(), 0);
}

#[test]
fn the_second_window_of_a_single_question_does_not_wait_for_those_who_came_later() {
    let window = |index| Window {
        request: 0,
        item: 0,
        index,
        tokens: 384,
    };
    let mut bench = Bench::default();
    let windows: Vec<_> = (0..4).map(window).collect();
    bench.schedule.add(0, unhurried(), &windows);
    bench.add(1, &[384]);
    let order: Vec<_> = (0..5).flat_map(|_| bench.requests(384)).collect();
    assert_eq!(order, [0, 0, 1, 0, 0]);
}

/// Event of a schedule.
#[derive(Debug, Clone)]
enum Event {
    /// A request arrives, with the number of windows of each item, and the lengths of windows.
    Add(Vec<usize>, Vec<usize>),
    Batch,
    Withdraw(RequestId),
    WithdrawItem(RequestId, usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (vec(1_usize..5, 1..6), vec(1_usize..400, 1..10)).prop_map(|(windows, lengths)| Event::Add(windows, lengths)),
        2 => Just(Event::Batch),
        1 => (0_u64..20).prop_map(Event::Withdraw),
        1 => (0_u64..20, 0_usize..6).prop_map(|(request, item)| Event::WithdrawItem(request, item)),
    ]
}

/// Windows of a request. `windows` is the number of windows of each item.
fn windows_of(request: RequestId, windows: &[usize], lengths: &[usize]) -> Vec<Window> {
    let items = windows.iter().enumerate();
    let places = items.flat_map(|(item, &windows)| (0..windows).map(move |index| (item, index)));
    let windows = places
        .zip(lengths.iter().cycle())
        .map(|((item, index), &tokens)| Window {
            request,
            item,
            index,
            tokens,
        });
    windows.collect()
}

/// Checks that a batch has only waiting windows and is within its limits, and removes its windows from `waiting`.
fn check_batch(
    batch: &[Window],
    waiting: &mut Vec<Window>,
    max_tokens: usize,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(batch.is_empty(), waiting.is_empty());
    for window in batch {
        let place = waiting.iter().position(|waits| waits == window);
        prop_assert!(place.is_some(), "{:?} did not wait", window);
        waiting.swap_remove(place.unwrap());
    }
    if batch.len() > 1 {
        prop_assert!(tokens(batch) <= max_tokens);
        let longest = lengths(batch).into_iter().max().unwrap();
        prop_assert!((longest * batch.len() - tokens(batch)) * 20 < tokens(batch));
    }
    Ok(())
}

fn check_counts(schedule: &Schedule, waiting: &[Window]) -> Result<(), TestCaseError> {
    prop_assert_eq!(schedule.tokens(), tokens(waiting));
    let items: HashSet<_> = waiting.iter().map(|w| (w.request, w.item)).collect();
    prop_assert_eq!(schedule.items(), items.len());
    let left: usize = schedule.shares().map(|share| share.left).sum();
    prop_assert_eq!(left, tokens(waiting));
    let requests: HashSet<_> = waiting.iter().map(|w| w.request).collect();
    prop_assert_eq!(schedule.shares().count(), requests.len());
    prop_assert_eq!(schedule.turns.len(), requests.len());
    Ok(())
}

proptest! {
    #[test]
    fn no_window_is_lost_and_no_batch_is_too_large(
        events in vec(event(), 0..60), max_tokens in 1_usize..1000,
    ) {
        let mut schedule = Schedule::default();
        let mut waiting: Vec<Window> = Vec::new();
        let mut next_request = 0;
        for event in events {
            match event {
                Event::Add(windows, lengths) => {
                    let windows = windows_of(next_request, &windows, &lengths);
                    schedule.add(next_request, unhurried(), &windows);
                    waiting.extend(windows);
                    next_request += 1;
                }
                Event::Batch => {
                    let batch = schedule.next_batch(max_tokens, Instant::now()).windows;
                    check_batch(&batch, &mut waiting, max_tokens)?;
                }
                Event::Withdraw(request) => {
                    schedule.withdraw(request);
                    waiting.retain(|window| window.request != request);
                }
                Event::WithdrawItem(request, item) => {
                    schedule.withdraw_item(request, item);
                    waiting.retain(|window| (window.request, window.item) != (request, item));
                }
            }
            check_counts(&schedule, &waiting)?;
        }
        while !waiting.is_empty() {
            let batch = schedule.next_batch(max_tokens, Instant::now()).windows;
            check_batch(&batch, &mut waiting, max_tokens)?;
        }
        check_counts(&schedule, &waiting)?;
    }

    #[test]
    fn no_request_gets_a_batch_ahead_of_requests_that_arrived_at_the_same_time(
        requests in vec(vec(1_usize..400, 1..40), 2..12), max_tokens in 1_usize..1000,
    ) {
        let mut bench = Bench::default();
        for (request, lengths) in requests.iter().enumerate() {
            bench.add(request as u64, lengths);
        }
        let (mut had, mut left) = (vec![0; requests.len()], requests.clone());
        while bench.schedule.tokens() > 0 {
            for window in bench.batch(max_tokens) {
                let request = usize::try_from(window.request).unwrap();
                had[request] += window.tokens;
                left[request].pop();
            }
            let longest = requests.iter().flatten().max().unwrap();
            for (behind, &had_so_far) in had.iter().enumerate() {
                let allowed = had_so_far + max_tokens + longest;
                let ahead = had.iter().max().unwrap();
                prop_assert!(left[behind].is_empty() || *ahead <= allowed, "{:?}", had);
            }
        }
    }

    #[test]
    fn a_newcomer_waits_for_its_turn_and_one_batch_at_most(
        requests in vec(vec(1_usize..400, 1..40), 1..12), batches in 0_usize..20,
        newcomer in 1_usize..400, max_tokens in 1_usize..1000,
    ) {
        let mut bench = Bench::default();
        for (request, lengths) in requests.iter().enumerate() {
            bench.add(request as u64, lengths);
        }
        for _ in 0..batches {
            bench.batch(max_tokens);
        }
        bench.add(99, &[newcomer]);
        let mut had = vec![0; requests.len()];
        loop {
            let batch = bench.batch(max_tokens);
            if batch.iter().any(|window| window.request == 99) {
                break;
            }
            for window in batch {
                had[usize::try_from(window.request).unwrap()] += window.tokens;
            }
        }
        for (had, lengths) in had.iter().zip(&requests) {
            prop_assert!(*had <= TURN_TOKENS + max_tokens + lengths.iter().max().unwrap());
        }
    }
}
