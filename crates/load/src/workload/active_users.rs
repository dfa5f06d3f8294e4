//! Number of active users over time. Pure: it reads no clock and never sleeps.
//!
//! Users are numbered from 0, and the last to start is the first to stop. So a user is active while the number of active
//! users is larger than its own number, and the changes of that number determine all starts and stops.

use std::num::NonZeroU32;
use std::time::Duration;

use super::stage::Stage;
use crate::clock::FAR;

/// Number of active users over time, as a list of changes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ActiveUsers(Vec<Change>);

/// Change from one number of users to another, which holds until the next change.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Change {
    at: Duration,
    from: u32,
    to: u32,
    /// Number of users that start or stop per second.
    rate: f64,
    steps: Steps,
}

/// Spacing of starts or stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Steps {
    /// Several at once, as in Locust.
    Whole,
    /// One after another, at equal distances.
    Even,
}

impl ActiveUsers {
    /// From 0 to `users`.
    pub(crate) fn constant(users: NonZeroU32, spawn_rate: f64) -> Self {
        Self(vec![Change {
            at: Duration::ZERO,
            from: 0,
            to: users.get(),
            rate: spawn_rate,
            steps: Steps::Whole,
        }])
    }

    /// From 0 to `users`, one after another over a time.
    pub(crate) fn spread(users: NonZeroU32, over: Duration) -> Self {
        let seconds = over.as_secs_f64().max(f64::MIN_POSITIVE);
        Self(vec![Change {
            at: Duration::ZERO,
            from: 0,
            to: users.get(),
            rate: f64::from(users.get()) / seconds,
            steps: Steps::Even,
        }])
    }

    /// One stage after another; no users without stages.
    pub(crate) fn staged(stages: &[Stage]) -> Self {
        let mut active_users = Self(Vec::new());
        let mut at = Duration::ZERO;
        for stage in stages {
            active_users.change(at, stage.users, stage.spawn_rate);
            at = at.saturating_add(stage.duration).min(FAR);
        }
        active_users
    }

    /// Changes the number to `users`, from `at` on. `at` is not before the last change.
    pub(crate) fn change(&mut self, at: Duration, users: u32, rate: f64) {
        let from = self.count(at);
        self.0.push(Change {
            at,
            from,
            to: users,
            rate,
            steps: Steps::Whole,
        });
    }

    /// Number of active users at `time`.
    pub(crate) fn count(&self, time: Duration) -> u32 {
        let change = self.0.iter().rev().find(|change| change.at <= time);
        change.map_or(0, |change| change.count(time.saturating_sub(change.at)))
    }

    /// Time at which the last user of the first change has started.
    pub(crate) fn first_complete(&self) -> Duration {
        self.0.first().map_or(Duration::ZERO, |change| {
            change.at + change.moment(change.to.saturating_sub(1))
        })
    }

    /// Time from `time`, that of the last change, until its last user has started or stopped.
    pub(crate) fn last_complete(&self, time: Duration) -> Duration {
        self.0.last().map_or(Duration::ZERO, |change| {
            let last = change.from.abs_diff(change.to).saturating_sub(1);
            (change.at + change.delay_of(last)).saturating_sub(time)
        })
    }

    /// First time from `time` on at which `user` is active; `None` if there is none as of now.
    pub(crate) fn next_start(&self, user: u32, time: Duration) -> Option<Duration> {
        self.next(user, time, true)
    }

    /// First time from `time` on at which `user` is not active; `None` if there is none as of now.
    pub(crate) fn next_stop(&self, user: u32, time: Duration) -> Option<Duration> {
        self.next(user, time, false)
    }

    /// First time from `time` on at which `user` is active, or is not.
    fn next(&self, user: u32, time: Duration, active: bool) -> Option<Duration> {
        if (self.count(time) > user) == active {
            return Some(time);
        }
        let ends = self.0.iter().skip(1).map(|next| next.at).chain([FAR]);
        self.0
            .iter()
            .zip(ends)
            .filter(|(_, end)| *end > time)
            .filter(|(change, _)| change.turns(user, active))
            .map(|(change, end)| (change.at + change.moment(user), end))
            .find(|(moment, end)| *moment > time && moment < end)
            .map(|(moment, _)| moment)
    }
}

impl Change {
    fn count(&self, since: Duration) -> u32 {
        let all = self.from.abs_diff(self.to);
        // Number of users that have started or stopped by then. Their times are in ascending order.
        let (mut low, mut high) = (0, all);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.delay_of(middle) <= since {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if self.to > self.from {
            self.from + low
        } else {
            self.from - low
        }
    }

    /// `true` if this change starts `user`, or stops it.
    fn turns(&self, user: u32, active: bool) -> bool {
        let (from, to) = if active {
            (self.from, self.to)
        } else {
            (self.to, self.from)
        };
        (from..to).contains(&user)
    }

    /// Time from the beginning of the change to the start or stop of `user`.
    fn moment(&self, user: u32) -> Duration {
        let before = if self.to > self.from {
            user.saturating_sub(self.from)
        } else {
            self.from.saturating_sub(1).saturating_sub(user)
        };
        self.delay_of(before)
    }

    /// Time from the beginning of the change to the start or stop with this index, from 0.
    fn delay_of(&self, place: u32) -> Duration {
        match self.steps {
            Steps::Whole => spawn_time(place, self.rate),
            Steps::Even => Duration::try_from_secs_f64(f64::from(place) / self.rate)
                .unwrap_or(FAR)
                .min(FAR),
        }
    }
}

/// Start of the user with this index, from 0, at a spawn rate.
///
/// As in Locust, users start in steps. A step has as many users as the integer part of the rate, and at least one.
/// The time between steps keeps the rate on average.
pub(crate) fn spawn_time(index: u32, spawn_rate: f64) -> Duration {
    let users_per_step = spawn_rate.floor().max(1.0);
    let step = (f64::from(index) / users_per_step).floor();
    Duration::try_from_secs_f64(step * users_per_step / spawn_rate)
        .unwrap_or(FAR)
        .min(FAR)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn stage(duration: u64, users: u32, spawn_rate: f64) -> Stage {
        Stage {
            duration: seconds(duration),
            users,
            spawn_rate,
        }
    }

    #[test]
    fn users_start_in_steps_of_the_spawn_rate() {
        let starts = |rate: f64| {
            (0..6)
                .map(|index| spawn_time(index, rate).as_secs_f64())
                .collect::<Vec<_>>()
        };
        assert_eq!(starts(2.0), [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]);
        assert_eq!(starts(2.5), [0.0, 0.0, 0.8, 0.8, 1.6, 1.6]);
        assert_eq!(starts(0.5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(starts(100.0), [0.0; 6]);
        assert_eq!(spawn_time(1, f64::MIN_POSITIVE), FAR);
        assert_eq!(spawn_time(u32::MAX, f64::MAX), Duration::ZERO);
    }

    #[test]
    fn spread_users_start_one_after_another() {
        let active_users = ActiveUsers::spread(NonZeroU32::new(4).unwrap(), seconds(2));
        let starts =
            [0, 1, 2, 3].map(|user| active_users.next_start(user, Duration::ZERO).unwrap());
        assert_eq!(starts.map(|start| start.as_millis()), [0, 500, 1000, 1500]);
        assert_eq!(active_users.first_complete(), Duration::from_millis(1500));
        let at_once = ActiveUsers::spread(NonZeroU32::new(4).unwrap(), Duration::ZERO);
        assert_eq!(at_once.count(Duration::ZERO), 4);
    }

    #[test]
    fn users_start_at_the_rate_and_stay() {
        let active_users = ActiveUsers::constant(NonZeroU32::new(5).unwrap(), 2.0);
        let counts = [0, 1, 2, 3, 100].map(|time| active_users.count(seconds(time)));
        assert_eq!(counts, [2, 4, 5, 5, 5]);
        assert_eq!(active_users.first_complete(), seconds(2));
        assert_eq!(active_users.next_start(4, Duration::ZERO), Some(seconds(2)));
        assert_eq!(active_users.next_start(5, Duration::ZERO), None);
        assert_eq!(active_users.next_stop(4, seconds(2)), None);
    }

    #[test]
    fn the_last_to_start_is_the_first_to_stop() {
        let active_users = ActiveUsers::staged(&[stage(10, 4, 4.0), stage(10, 1, 1.0)]);
        let counts = [0, 9, 10, 11, 12, 99].map(|time| active_users.count(seconds(time)));
        assert_eq!(counts, [4, 4, 3, 2, 1, 1]);
        let stops = [0, 1, 2, 3].map(|user| active_users.next_stop(user, seconds(1)));
        assert_eq!(
            stops,
            [
                None,
                Some(seconds(12)),
                Some(seconds(11)),
                Some(seconds(10))
            ]
        );
    }

    #[test]
    fn a_change_before_all_have_started_goes_on_from_where_they_are() {
        let mut active_users = ActiveUsers::constant(NonZeroU32::new(100).unwrap(), 1.0);
        active_users.change(seconds(9), 0, 5.0);
        let counts = [8, 9, 10, 11].map(|time| active_users.count(seconds(time)));
        assert_eq!(counts, [9, 5, 0, 0]);
        assert_eq!(active_users.next_start(50, Duration::ZERO), None);
        active_users.change(seconds(20), 3, 3.0);
        assert_eq!(active_users.next_start(2, seconds(11)), Some(seconds(20)));
    }

    proptest! {
        #[test]
        fn starts_and_stops_agree_with_the_count(
            stages in prop::collection::vec((1_u64..20, 0_u32..30, 0.3..9.0), 1..5),
            user in 0_u32..30,
            time in 0_u64..80,
        ) {
            let stages: Vec<_> = stages.into_iter().map(|(time, users, rate)| stage(time, users, rate)).collect();
            let active_users = ActiveUsers::staged(&stages);
            let active = |time: Duration| active_users.count(time) > user;
            let time = seconds(time);
            let (start, stop) = (active_users.next_start(user, time), active_users.next_stop(user, time));
            let (same, turn) = if active(time) { (start, stop) } else { (stop, start) };
            prop_assert_eq!(same, Some(time));
            let nanosecond = Duration::from_nanos(1);
            if let Some(turn) = turn {
                prop_assert_ne!(active(turn), active(time));
                prop_assert_eq!(active(turn.saturating_sub(nanosecond)), active(time));
            } else {
                prop_assert_eq!(active(FAR), active(time));
            }
        }
    }
}
