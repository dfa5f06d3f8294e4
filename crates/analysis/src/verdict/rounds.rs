//! Simulated servers whose rate is known, and how far the rate of a turn is from it: why [`FEWEST_ROUNDS`] is five.

use std::collections::VecDeque;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::FEWEST_ROUNDS;
use bakeoff_record::fixture;
use bakeoff_record::summary::Summary;

const USERS: usize = 20;
const WARM_UP: f64 = 3.0;
/// Least measured period, in seconds.
const MEASURE: f64 = 5.0;
/// Users start over so many seconds.
const SPREAD: f64 = 1.4;

/// Server; times in seconds.
#[derive(Debug, Clone, Copy)]
enum Server {
    /// Every request takes between these, whatever else there is.
    Between(f64, f64),
    /// Each user's requests take these in turn.
    Alternating(f64, f64),
    /// One request at a time, each of about this long.
    OneAtATime(f64),
    /// Whatever waits is answered together, up to so many at once, in this time and this much more for each.
    Batching(usize, f64, f64),
}

/// Request of a user: when it was sent and when it was answered.
type Request = (usize, f64, f64);

/// Requests of users who never pause, up to `until` seconds.
fn requests(server: Server, until: f64, random: &mut StdRng) -> Vec<Request> {
    let mut waiting: VecDeque<(usize, f64)> = (0..USERS)
        .map(|user| (user, SPREAD * user as f64 / USERS as f64))
        .collect();
    let (mut requests, mut free_at, mut sent) = (Vec::new(), 0.0_f64, [0_u32; USERS]);
    while waiting.front().is_some_and(|(_, start)| *start < until) {
        let next = waiting.front().map_or(0.0, |(_, start)| *start);
        free_at = free_at.max(next);
        let count = match server {
            Server::Batching(most, ..) => waiting
                .iter()
                .take(most)
                .take_while(|(_, start)| *start <= free_at)
                .count(),
            _ => 1,
        };
        let batch: Vec<_> = waiting.drain(..count).collect();
        let (user, start) = batch[0];
        let jitter = random.random_range(0.97..1.03);
        let done = match server {
            Server::Between(least, most) => start + random.random_range(least..=most),
            Server::Alternating(one, other) => start + [one, other][sent[user] as usize % 2],
            Server::OneAtATime(each) => free_at + each * random.random_range(0.5..1.5),
            Server::Batching(_, fixed, each) => free_at + (fixed + each * count as f64) * jitter,
        };
        if matches!(server, Server::OneAtATime(_) | Server::Batching(..)) {
            free_at = done;
        }
        for (user, start) in batch {
            sent[user] += 1;
            requests.push((user, start, done));
            let place = waiting.partition_point(|(_, other)| *other <= done);
            waiting.insert(place, (user, done));
        }
    }
    requests
}

/// Rate of a turn as a count in a window, and as the time between completions gives it.
fn rates(requests: &[Request]) -> (f64, f64) {
    let enough = (0..USERS).map(|user| {
        let of_user = requests.iter().filter(|(other, ..)| *other == user);
        let rounds = of_user.filter(|(_, start, _)| *start >= WARM_UP);
        let last = rounds.take(FEWEST_ROUNDS.get() as usize).last();
        last.map_or(0.0, |(_, _, done)| *done)
    });
    let end = enough.fold(WARM_UP + MEASURE, f64::max);
    let within = |time: f64| (WARM_UP..end).contains(&time);
    let window = requests.iter().filter(|(_, _, done)| within(*done)).count();
    let planned: Vec<f64> = requests
        .iter()
        .filter(|(_, start, _)| within(*start))
        .map(|(_, start, done)| done - start)
        .collect();
    let mut measurement = fixture::measurement("/", &vec![1; planned.len()], &[], 5);
    measurement.users = u32::try_from(USERS).unwrap();
    measurement.user_time = Some(Duration::from_secs_f64(planned.iter().sum()));
    let cycles = Summary::of([&measurement]).at_cycle_rates(&measurement);
    let cycles = cycles.total.successes_per_second().unwrap();
    (window as f64 / (end - WARM_UP), cycles)
}

#[test]
fn five_rounds_give_the_rate_of_every_kind_of_server() {
    let mut random = StdRng::seed_from_u64(1);
    let mut furthest_window: f64 = 0.0;
    for server in [
        Server::Between(1.3, 1.45),
        Server::Between(1.35, 1.35),
        Server::Between(0.2, 2.0),
        Server::Alternating(1.0, 2.0),
        Server::OneAtATime(0.05),
        Server::Batching(32, 0.9, 0.02),
        Server::Batching(8, 0.3, 0.02),
    ] {
        let long = requests(server, 2000.0, &mut random);
        let truth = long.len() as f64 / long.last().unwrap().2;
        let turns: Vec<(f64, f64)> = (0..40)
            .map(|_| rates(&requests(server, 60.0, &mut random)))
            .collect();
        let mean = |rate: fn(&(f64, f64)) -> f64| {
            turns.iter().map(rate).sum::<f64>() / turns.len() as f64 / truth - 1.0
        };
        let (window, cycles) = (mean(|rates| rates.0), mean(|rates| rates.1));
        assert!(cycles.abs() < 0.01, "{server:?} {cycles:+.4}");
        furthest_window = furthest_window.max(window.abs());
    }
    // Error of a count in the same window.
    assert!(furthest_window > 0.04, "{furthest_window}");
}
