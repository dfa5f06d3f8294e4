//! The shares of a load have together the requests of the whole load.

use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;

use super::Plan;
use super::arrivals::ArrivalPlan;
use super::task_set::TaskSequence;
use crate::host::Host;
use crate::scenario::Scenario;
use crate::seed::{Purpose, derived};
use crate::share::Share;
use crate::workload::active_users::ActiveUsers;
use crate::workload::open_model::{ArrivalRate, OpenModel, Spacing};
use crate::workload::pacer::Pacer;
use crate::workload::stage::Stage;

/// User or arrival, class, task, row and planned start of a request.
type PlannedStart = (u64, usize, usize, usize, Duration);

const USERS: u64 = 30;

/// Two classes, rows in every order, and a random wait.
fn plan(seed: u64, takers: usize) -> Plan {
    let folder = tempfile::tempdir().unwrap();
    let rows = [0, 1, 2, 3, 4, 5, 6]
        .map(|n| format!("{{\"n\": {n}}}\n"))
        .concat();
    std::fs::write(folder.path().join("rows.jsonl"), rows).unwrap();
    let task = |table: &str, order: &str| {
        format!(
            "[[{table}]]\npath = \"/{order}/${{n}}\"\ndata = {{ file = \"rows.jsonl\", order = \"{order}\" }}\n"
        )
    };
    let text = [
        "[[user]]\nname = \"a\"\nweight = 2\nwait_time = { between = [\"1s\", \"3s\"] }\n"
            .to_owned(),
        task("user.on_start", "sequential"),
        task("user.task", "shuffled"),
        "weight = 3\n".to_owned(),
        task("user.task", "distinct"),
        "[[user]]\nname = \"b\"\nwait_time = { poisson = 0.5 }\n".to_owned(),
        task("user.task", "per_user"),
        task("user.on_stop", "distinct"),
    ]
    .concat();
    let scenario = Scenario::parse(&text, &folder.path().join("scenario.toml")).unwrap();
    let host = Host::parse("http://127.0.0.1:1").unwrap();
    Plan::new(&scenario, &host, (seed, takers)).unwrap()
}

/// The first tasks of each user of the share, where every answer takes 100 ms.
fn closed(plan: &Plan, active_users: &ActiveUsers, share: Share, seed: u64) -> Vec<PlannedStart> {
    let users = std::iter::successors(Some(share.first()), |user| Some(share.after(*user)));
    let mut planned = Vec::new();
    for user in users.take_while(|user| *user < USERS) {
        let index = u32::try_from(user).unwrap();
        let Some(mut start) = active_users.next_start(index, Duration::ZERO) else {
            continue;
        };
        let class = plan.class_distribution.class_of(user).unwrap();
        let of_class = &plan.classes[class];
        let mut pacer = Pacer::new(of_class.wait_time, derived(seed, user, Purpose::Waits));
        let mut sequence = TaskSequence::new(&of_class.task_set, seed, user);
        for _ in 0..5 {
            let next = sequence.next(&of_class.task_set);
            planned.push((user, class, next.task, next.row, start));
            start = pacer.next(start, start + Duration::from_millis(100));
        }
    }
    planned
}

/// The tasks of the arrivals of the share before `end`.
fn open(
    plan: &Plan,
    arrivals: &OpenModel,
    (share, seed): (Share, u64),
    end: u64,
) -> Vec<PlannedStart> {
    let mut arrival_plan = ArrivalPlan::new(plan, arrivals, share, seed);
    let mut planned = Vec::new();
    loop {
        let arrival = arrival_plan.next(plan);
        if arrival.planned >= Duration::from_secs(end) {
            return planned;
        }
        for next in arrival.tasks {
            let (number, class) = (arrival.number, arrival.class);
            planned.push((number, class, next.task, next.row, arrival.planned));
        }
    }
}

/// All parts of so many shares that have so many threads each.
fn parts(shares: u32, threads: usize) -> impl Iterator<Item = Share> {
    (0..shares).flat_map(move |index| {
        let share = Share::new(index, shares).unwrap();
        (0..threads).map(move |thread| share.part(thread, threads))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn shares_of_users_have_the_requests_of_one_load(
        seed: u64,
        shares in prop::sample::select(vec![1_u32, 2, 5]),
        threads in 1_usize..4,
        stages in prop::collection::vec((1_u64..20, 0_u32..30, 0.3..9.0), 1..4),
    ) {
        let stages: Vec<_> = stages
            .into_iter()
            .map(|(seconds, users, spawn_rate)| Stage { duration: Duration::from_secs(seconds), users, spawn_rate })
            .collect();
        let (plan, active_users) = (plan(seed, 30), ActiveUsers::staged(&stages));
        let mut whole = closed(&plan, &active_users, Share::WHOLE, seed);
        let mut union: Vec<_> = parts(shares, threads)
            .flat_map(|part| closed(&plan, &active_users, part, seed))
            .collect();
        whole.sort_unstable();
        union.sort_unstable();
        prop_assert_eq!(whole, union);
    }

    #[test]
    fn shares_of_arrivals_have_the_requests_of_one_load(
        seed: u64,
        shares in prop::sample::select(vec![1_u32, 2, 5]),
        threads in 1_usize..4,
        rates in prop::collection::vec((0.0..100.0, 0.0..100.0, 1_u64..4), 1..4),
        poisson: bool,
    ) {
        let end = rates.iter().map(|(_, _, over)| *over).sum();
        let rates = rates.into_iter().map(|(from, to, over)| ArrivalRate { from, to, over: Duration::from_secs(over) });
        let arrivals = OpenModel {
            rates: rates.collect(),
            spacing: if poisson { Spacing::Poisson } else { Spacing::Even },
            max_in_flight: NonZeroU32::MAX,
        };
        let plan = plan(seed, 1);
        let mut whole = open(&plan, &arrivals, (Share::WHOLE, seed), end);
        let mut union: Vec<_> = parts(shares, threads)
            .flat_map(|part| open(&plan, &arrivals, (part, seed), end))
            .collect();
        whole.sort_unstable();
        union.sort_unstable();
        prop_assert_eq!(whole, union);
    }
}

#[test]
fn the_load_of_these_tests_has_requests_of_every_task() {
    let plan = plan(1, 1);
    let arrivals = OpenModel {
        rates: vec![ArrivalRate::constant(50.0)],
        spacing: Spacing::Poisson,
        max_in_flight: NonZeroU32::MAX,
    };
    let planned = open(&plan, &arrivals, (Share::WHOLE, 1), 4);
    for (class, tasks) in [(0, 3), (1, 2)] {
        for task in 0..tasks {
            assert!(
                planned
                    .iter()
                    .any(|start| (start.1, start.2) == (class, task))
            );
        }
    }
    let active_users = ActiveUsers::constant(NonZeroU32::new(30).unwrap(), 2.0);
    assert_eq!(closed(&plan, &active_users, Share::WHOLE, 1).len(), 150);
}
