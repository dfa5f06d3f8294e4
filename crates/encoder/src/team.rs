//! Fixed set of threads that share the work of one call.
//!
//! The calling thread works too. Calls at the same time divide the threads among them, so that together they never use
//! more threads than there are, except for calling threads beyond that number. A thread that is not scheduled soon enough
//! does not take part in the call.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Helping threads, asleep while nobody needs them.
pub(crate) struct Team {
    helpers: Vec<(Arc<Seat>, JoinHandle<()>)>,
    duty: Mutex<Duty>,
}

/// Threads without work, and calls.
#[derive(Debug)]
struct Duty {
    /// Helpers without work, by index.
    idle: Vec<usize>,
    /// Calls that are being worked on.
    callers: usize,
}

/// Mailbox of a helper.
#[derive(Debug, Default)]
struct Seat {
    /// `true` if `order` holds something; readable without the lock.
    ordered: AtomicBool,
    order: Mutex<Option<Order>>,
    arrived: Condvar,
}

/// Message to a helper.
#[derive(Debug)]
enum Order {
    Work(Job),
    End,
}

/// A part of a call's work.
#[derive(Debug)]
struct Job {
    /// Lives until the order is taken back or the call's `unfinished` is zero.
    call: *const Call<'static>,
}

// SAFETY: `Call` is `Sync`, and is there until the job is done.
unsafe impl Send for Job {}

/// A call that several threads work on.
struct Call<'a> {
    work: &'a (dyn Fn(&Member<'_>) + Sync),
    barrier: Barrier,
    /// Helpers that have joined.
    joined: AtomicUsize,
    /// `true` once the number of working threads is known.
    started: AtomicBool,
    /// Helpers that are not done.
    unfinished: AtomicUsize,
}

/// Thread that works on a call.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    /// Index of the thread in the call, from 0.
    pub(crate) rank: usize,
    /// Number of threads that work on the call.
    pub(crate) size: usize,
    barrier: &'a Barrier,
}

/// Barrier at which the threads of a call wait for each other.
#[derive(Debug, Default)]
struct Barrier {
    size: AtomicUsize,
    waiting: AtomicUsize,
    round: AtomicUsize,
    /// `true` if a thread of the call panicked, so that the others must not wait.
    broken: AtomicBool,
}

/// Number of checks before a thread yields; they take some tens of microseconds.
const SPINS: u32 = 4000;

impl Team {
    /// Threads for up to `size` at once, callers included.
    ///
    /// # Errors
    /// The error of the operating system if it starts no more threads.
    pub(crate) fn new(size: usize) -> std::io::Result<Self> {
        let mut team = Self {
            helpers: Vec::new(),
            duty: Mutex::new(Duty {
                idle: Vec::new(),
                callers: 0,
            }),
        };
        for index in 1..size {
            let seat = Arc::new(Seat::default());
            let taken = Arc::clone(&seat);
            let thread = thread::Builder::new()
                .name(format!("encoder-{index}"))
                .spawn(move || taken.serve())?;
            team.helpers.push((seat, thread));
            team.duty().idle.push(index - 1);
        }
        Ok(team)
    }

    /// Threads that a call may use at most.
    pub(crate) fn size(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Runs `work` on this thread and on up to `wanted - 1` idle ones, of those that come within `patience`. `helpers` is kept by the
    /// caller from call to call so that nothing is allocated.
    ///
    /// # Panics
    /// If `work` does, on any of the threads.
    pub(crate) fn run(
        &self,
        wanted: usize,
        patience: Duration,
        helpers: &mut Vec<usize>,
        work: impl Fn(&Member<'_>) + Sync,
    ) {
        let lent = self.lend(wanted.saturating_sub(1), helpers);
        let call = Call {
            work: &work,
            barrier: Barrier::default(),
            joined: AtomicUsize::new(0),
            started: AtomicBool::new(false),
            unfinished: AtomicUsize::new(0),
        };
        let seats = || lent.helpers.iter().map(|helper| &self.helpers[*helper].0);
        for seat in seats() {
            seat.give(Order::Work(Job {
                call: (&raw const call).cast(),
            }));
        }
        let began = Instant::now();
        while call.joined.load(Ordering::Acquire) < lent.helpers.len() && began.elapsed() < patience
        {
            std::hint::spin_loop();
        }
        let helpers = seats().filter(|seat| !seat.take_back()).count();
        call.unfinished.store(helpers, Ordering::Relaxed);
        call.barrier.size.store(helpers + 1, Ordering::Relaxed);
        call.started.store(true, Ordering::Release);
        let own = call.work_as(0);
        spin_until(|| call.unfinished.load(Ordering::Acquire) == 0);
        drop(lent);
        if let Err(panic) = own {
            panic::resume_unwind(panic);
        }
        assert!(
            !call.barrier.broken.load(Ordering::Acquire),
            "a helping thread panicked"
        );
    }

    fn duty(&self) -> MutexGuard<'_, Duty> {
        self.duty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes idle helpers, up to `wanted`, as long as callers leave threads to them.
    fn lend<'a>(&'a self, wanted: usize, helpers: &'a mut Vec<usize>) -> Lent<'a> {
        let mut duty = self.duty();
        duty.callers += 1;
        let busy = self.helpers.len() - duty.idle.len();
        let free = self.size().saturating_sub(duty.callers + busy);
        let rest = duty.idle.len() - wanted.min(free).min(duty.idle.len());
        helpers.clear();
        helpers.extend(duty.idle.drain(rest..));
        Lent {
            team: self,
            helpers,
        }
    }
}

/// Helpers of one call, given back when dropped.
struct Lent<'a> {
    team: &'a Team,
    helpers: &'a mut Vec<usize>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut duty = self.team.duty();
        duty.callers -= 1;
        duty.idle.append(self.helpers);
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        for (seat, thread) in self.helpers.drain(..) {
            seat.give(Order::End);
            // Panics of work are caught; there is nothing else to say.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Team {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Team")
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

impl Seat {
    fn give(&self, order: Order) {
        let mut place = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(order);
        self.ordered.store(true, Ordering::Release);
        drop(place);
        self.arrived.notify_one();
    }

    /// Takes the order back; `true` if the helper had not taken it.
    fn take_back(&self) -> bool {
        let mut place = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        self.ordered.store(false, Ordering::Relaxed);
        place.take().is_some()
    }

    fn serve(&self) {
        while let Order::Work(job) = self.next() {
            // SAFETY: whoever has taken an order is waited for by its call until it has counted itself out below, and nothing of
            // the call is used after that.
            let call = unsafe { &*job.call };
            let rank = call.joined.fetch_add(1, Ordering::AcqRel) + 1;
            spin_until(|| call.started.load(Ordering::Acquire));
            // A panic breaks the barrier, which the call looks at.
            let _ = call.work_as(rank);
            call.unfinished.fetch_sub(1, Ordering::Release);
        }
    }

    /// The next order. Calls often follow one another, so it looks for a while before it sleeps.
    fn next(&self) -> Order {
        for _ in 0..SPINS {
            if self.ordered.load(Ordering::Acquire) {
                break;
            }
            std::hint::spin_loop();
        }
        let mut place = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(order) = place.take() {
                self.ordered.store(false, Ordering::Relaxed);
                return order;
            }
            place = self
                .arrived
                .wait(place)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Call<'_> {
    fn work_as(&self, rank: usize) -> thread::Result<()> {
        let member = Member {
            rank,
            size: self.barrier.size.load(Ordering::Relaxed),
            barrier: &self.barrier,
        };
        let done = panic::catch_unwind(AssertUnwindSafe(|| (self.work)(&member)));
        if done.is_err() {
            self.barrier.broken.store(true, Ordering::Release);
        }
        done
    }
}

impl Member<'_> {
    /// Waits until all threads of the call are here. What they did before is then seen by all.
    ///
    /// # Panics
    /// If one of them panicked.
    pub(crate) fn meet(&self) {
        self.barrier.wait();
    }
}

impl Barrier {
    fn wait(&self) {
        let size = self.size.load(Ordering::Relaxed);
        if size == 1 {
            return;
        }
        let round = self.round.load(Ordering::Acquire);
        if self.waiting.fetch_add(1, Ordering::AcqRel) + 1 == size {
            self.waiting.store(0, Ordering::Relaxed);
            self.round.store(round + 1, Ordering::Release);
            return;
        }
        spin_until(|| {
            self.round.load(Ordering::Acquire) != round || self.broken.load(Ordering::Acquire)
        });
        assert!(
            !self.broken.load(Ordering::Acquire),
            "another thread of the call panicked"
        );
    }
}

/// Waits until `done`, at first without yielding.
fn spin_until(done: impl Fn() -> bool) {
    let mut looks = 0;
    while !done() {
        looks += 1;
        if looks > SPINS {
            thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_micros(200);

    #[test]
    fn every_member_works_once_and_meets_the_others() {
        let team = Team::new(4).unwrap();
        for _ in 0..200 {
            let before = AtomicUsize::new(0);
            team.run(4, PATIENCE, &mut Vec::new(), |member| {
                before.fetch_add(1, Ordering::Relaxed);
                member.meet();
                assert_eq!(before.load(Ordering::Relaxed), member.size);
                assert!(member.rank < member.size && member.size <= 4);
                member.meet();
            });
        }
    }

    #[test]
    fn a_call_takes_no_more_than_it_wants() {
        let team = Team::new(3).unwrap();
        for wanted in [0, 1, 2] {
            let members = AtomicUsize::new(0);
            team.run(wanted, PATIENCE, &mut Vec::new(), |_| {
                members.fetch_add(1, Ordering::Relaxed);
            });
            assert!((1..=wanted.max(1)).contains(&members.into_inner()));
        }
    }

    #[test]
    fn calls_at_once_share_the_threads() {
        let team = Team::new(2).unwrap();
        team.run(2, PATIENCE, &mut Vec::new(), |outer| {
            if outer.rank == 0 {
                team.run(2, PATIENCE, &mut Vec::new(), |inner| {
                    assert!(inner.size + outer.size <= 3);
                });
            }
        });
    }

    #[test]
    fn a_panic_of_any_member_reaches_the_caller_and_leaves_the_team_usable() {
        let team = Team::new(3).unwrap();
        for rank in 0..3 {
            let (size, run) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let caught = panic::catch_unwind(AssertUnwindSafe(|| {
                team.run(3, PATIENCE, &mut Vec::new(), |member| {
                    size.store(member.size, Ordering::Relaxed);
                    run.fetch_add(1, Ordering::Relaxed);
                    assert_ne!(member.rank, rank, "as told");
                    member.meet();
                });
            }));
            // A helper that did not come has no rank.
            assert_eq!(caught.is_err(), rank < size.into_inner());
            assert!(run.into_inner() >= 1);
            team.run(3, PATIENCE, &mut Vec::new(), |member| {
                member.meet();
            });
        }
    }
}
