//! Gates: causes other than a contender's speed that could have decided its figures, each with its limit.
//!
//! Each gate is read once for each contender. The verdict takes the first reading beyond its limit, and the table of a
//! report prints all of them. Where figures differ from turn to turn, the worst turn counts.

use bakeoff_record::metric::Metric;
use bakeoff_record::times::TimeKind;
use std::time::Duration;

use super::limits::{
    FEWEST_ROUNDS, MOST_GENERATOR_CPU_RATIO, MOST_NOT_SENT_RATIO, MOST_OF_FLOOR_RATIO,
    MOST_OFF_LITTLES_LAW_RATIO, lag_limit,
};
use super::obstacle::{Obstacle, Reason};
use crate::compared::Compared;
use crate::measured::Measured;
use crate::noise::Noise;
use crate::turn::{
    MOST_FAILURES_RATIO, MOST_NEIGHBOURS_RATIO, MOST_STALLED_RATIO, MOST_STEAL_RATIO,
    MOST_WAKE_UP_DELAY, generator_failures, stalled_ratio,
};
use crate::words;
use bakeoff_record::experiment::{Agreement, Experiment, Floor, Plan, Run, RunLoad};
use bakeoff_record::run::{Arrivals, GeneratorUse};
use bakeoff_record::summary::Summary;
use bakeoff_record::times::Times;

/// Gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Turns that failed.
    FailedTurns,
    /// Requests that failed, in the worst turn.
    Failures,
    /// Connections that could not be opened for want of descriptors or ports on the machine that makes the load.
    Connections,
    /// Arrivals that were not sent.
    NotSent,
    /// Tasks that the slowest user finished, in the turn with the fewest.
    Rounds,
    /// Wake-ups of the generator that came late, in the worst turn.
    Stalls,
    /// Processor time that other processes took, in the worst turn.
    Neighbours,
    /// Processor time that other virtual machines took, in the worst turn.
    Steal,
    /// Delay with which requests were sent, in the worst turn.
    Lag,
    /// Generator's own processor time, in the worst turn.
    Generator,
    /// Rate over the rate that the generator makes of a server that does nothing.
    Floor,
    /// Users that rate and response time amount to, in the worst turn.
    LittlesLaw,
    /// Answers other than the baseline's.
    Answers,
    /// Difference of the baseline from itself.
    Noise,
    /// Turns whose rate had not settled.
    Settled,
    /// Share of the time in which some process waited for a processor, in the worst turn.
    Pressure,
}

/// Reading of one gate for one contender.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Gate.
    pub gate: Gate,
    /// Figure as text; `None` where there is none.
    pub value: Option<String>,
    /// Obstacle to a verdict; `None` if the figure is within the limit.
    pub beyond: Option<Reason>,
}

impl Gate {
    /// Gate in a few words, for a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::FailedTurns => "Failed turns",
            Self::Failures => "Failed requests, worst turn",
            Self::Connections => "Connections that could not be opened",
            Self::NotSent => "Arrivals that were not sent",
            Self::Rounds => "Tasks of the slowest user, shortest turn",
            Self::Stalls => "Generator stalled, worst turn",
            Self::Neighbours => "Other processes' processor time, worst turn",
            Self::Steal => "Other virtual machines' processor time, worst turn",
            Self::Lag => "Sent late (p99), worst turn",
            Self::Generator => "Load generator's processor time, worst turn",
            Self::Floor => "Rate over the generator's own limit",
            Self::LittlesLaw => "Users by Little's law, worst turn",
            Self::Answers => "Answers other than the baseline's",
            Self::Noise => "Noise: difference of the baseline from itself",
            Self::Settled => "Turns that did not settle",
            Self::Pressure => "Time in which a process waited for a processor, worst turn",
        }
    }

    /// Limit as text, for a table.
    pub fn limit(self, experiment: &Experiment) -> String {
        let plan = &experiment.plan;
        match self {
            Self::FailedTurns | Self::Connections => "none".to_owned(),
            Self::Failures => format!(
                "{}; above it, the turn fails",
                words::percent(MOST_FAILURES_RATIO)
            ),
            Self::NotSent => words::percent(MOST_NOT_SENT_RATIO),
            Self::Rounds if plan.primary == Metric::SuccessesPerSecond => {
                format!("at least {FEWEST_ROUNDS}")
            }
            Self::Rounds => "none, as the verdict is not by the rate".to_owned(),
            Self::Stalls => format!(
                "{} of wake-ups {} ms late; above it, the block is void",
                words::percent(MOST_STALLED_RATIO),
                words::ms(MOST_WAKE_UP_DELAY)
            ),
            Self::Neighbours => void_beyond(MOST_NEIGHBOURS_RATIO),
            Self::Steal => void_beyond(MOST_STEAL_RATIO),
            Self::Lag => "1 ms or 5 % of the median".to_owned(),
            Self::Generator => {
                format!("{} of its cores", words::percent(MOST_GENERATOR_CPU_RATIO))
            }
            Self::Floor => {
                let of = experiment.floor.map_or_else(String::new, |floor| {
                    format!(
                        " of the {} requests/s of a server that does nothing",
                        words::figure(floor.requests_per_second)
                    )
                });
                let missing = experiment.floor_missing.as_ref();
                let missing = missing.map_or_else(String::new, |why| {
                    format!(" of a server that does nothing, which was not measured: {why}")
                });
                format!("{}{of}{missing}", words::percent(MOST_OF_FLOOR_RATIO))
            }
            Self::LittlesLaw if plan.users_pause => {
                format!("none, as the {} users pause", plan.users)
            }
            Self::LittlesLaw => format!(
                "within {} of {} users",
                words::percent(MOST_OFF_LITTLES_LAW_RATIO),
                plan.users
            ),
            Self::Answers => words::percent(plan.other_answers_ratio),
            Self::Noise => format!(
                "{}; beyond it if the whole confidence interval is",
                words::percent(plan.same_ratio)
            ),
            Self::Settled | Self::Pressure => "none, for information".to_owned(),
        }
    }
}

fn void_beyond(ratio: f64) -> String {
    format!("{}; above it, the block is void", words::percent(ratio))
}

/// Contender whose gates were read.
pub(crate) struct Gated {
    pub(crate) compared: Compared,
    /// One reading for each gate, in the order in which the verdict looks at them.
    pub(crate) gates: Vec<Reading>,
}

impl Gated {
    /// First gate that is beyond its limit; `None` if all are within.
    pub(crate) fn obstacle(&self) -> Option<Obstacle> {
        Obstacle::of(self.compared.name(), &self.gates)
    }
}

impl Obstacle {
    /// First of `gates` that is beyond its limit, for `contender`; `None` if all are within.
    pub(crate) fn of(contender: &str, gates: &[Reading]) -> Option<Self> {
        let reason = gates.iter().find_map(|gate| gate.beyond.clone());
        Some(Self {
            contender: contender.to_owned(),
            reason: reason?,
        })
    }
}

/// Data that gates are read from.
pub(crate) struct Gates<'a> {
    pub(crate) experiment: &'a Experiment,
    pub(crate) load: RunLoad,
    /// Contender's runs that are judged.
    pub(crate) runs: &'a [&'a Run],
    /// All of its runs under the load, those of voided blocks among them.
    pub(crate) all_runs: &'a [&'a Run],
    pub(crate) noise: Option<&'a Noise>,
}

impl Gates<'_> {
    /// One reading for each gate, in the order in which the verdict looks at them.
    pub(crate) fn read(&self, compared: Compared) -> Gated {
        let result = &compared.measured;
        let (experiment, plan) = (self.experiment, &self.experiment.plan);
        let under_users = self.load == RunLoad::Users;
        let floor = experiment.floor.filter(|_| under_users);
        let gates = vec![
            self.connections(result),
            self.not_sent(result),
            failed_turns(result),
            self.failures(),
            self.rounds(plan.primary == Metric::SuccessesPerSecond && under_users),
            self.lag(),
            self.generator(),
            self.share(Gate::Stalls, stalled_ratio),
            self.share(Gate::Neighbours, |run| run.generator?.neighbour_ratio),
            self.share(Gate::Steal, |run| Some(run.generator?.steal_ratio)),
            near_floor(result, floor),
            self.littles_law(plan, under_users),
            answers(result, plan),
            self.noise(result, plan),
            settled(result),
            self.share(Gate::Pressure, |run| run.generator?.pressure_ratio),
        ];
        Gated { compared, gates }
    }

    /// Worst turn's share, of all turns; what is beyond a limit voids a block and forbids nothing by itself.
    fn share(&self, gate: Gate, share: impl Fn(&Run) -> Option<f64>) -> Reading {
        let shares = self.all_runs.iter().filter_map(|run| share(run));
        Reading {
            gate,
            value: shares.reduce(f64::max).map(words::percent),
            beyond: None,
        }
    }

    fn connections(&self, result: &Measured) -> Reading {
        let failures = generator_failures(&result.summary);
        Reading {
            gate: Gate::Connections,
            value: (!self.runs.is_empty()).then(|| words::count(failures)),
            beyond: (failures > 0).then_some(Reason::NoConnections { failures }),
        }
    }

    fn not_sent(&self, result: &Measured) -> Reading {
        // Under users, the table shows the worst of the rates at which requests arrived.
        let arrivals = match self.load {
            RunLoad::Arrivals { .. } => result.summary.arrivals.map(Arrivals::not_sent_ratio),
            RunLoad::Users | RunLoad::Sweep { .. } => self.not_sent_at_any_rate(result),
        };
        let beyond = arrivals.filter(|ratio| *ratio > MOST_NOT_SENT_RATIO);
        Reading {
            gate: Gate::NotSent,
            value: arrivals.map(words::percent),
            beyond: beyond
                .filter(|_| matches!(self.load, RunLoad::Arrivals { .. }))
                .map(|not_sent_ratio| Reason::NotSent { not_sent_ratio }),
        }
    }

    fn not_sent_at_any_rate(&self, result: &Measured) -> Option<f64> {
        let runs = self.experiment.runs.iter();
        let of_contender = runs.filter(|run| run.contender == result.name());
        let ratios =
            of_contender.filter_map(|run| Some(run.measurement.arrivals?.not_sent_ratio()));
        ratios.reduce(f64::max)
    }

    fn failures(&self) -> Reading {
        let ratios = self.all_runs.iter().filter_map(|run| {
            let summary = Summary::of([&run.measurement]);
            let sent = summary.total.requests() + summary.unfinished;
            (sent > 0).then(|| summary.fail_ratio())
        });
        Reading {
            gate: Gate::Failures,
            value: ratios.reduce(f64::max).map(words::percent),
            beyond: None,
        }
    }

    fn rounds(&self, matters: bool) -> Reading {
        let rounds = |run: &&&Run| run.measurement.fewest_rounds;
        let shortest = self.runs.iter().filter(|run| rounds(run).is_some());
        let shortest = shortest.min_by_key(rounds);
        let reading = shortest.and_then(|run| Some((rounds(&run)?, run.measurement.period)));
        let beyond = reading.filter(|(rounds, _)| matters && *rounds < FEWEST_ROUNDS.get());
        Reading {
            gate: Gate::Rounds,
            value: reading.map(|(rounds, _)| words::count(rounds.into())),
            beyond: beyond.map(|(rounds, period)| Reason::TooFewRounds {
                rounds,
                turn: (rounds > 0).then(|| period * FEWEST_ROUNDS.get() / rounds),
            }),
        }
    }

    /// Turn in which the generator was late by the most of what was tolerated in it.
    fn lag(&self) -> Reading {
        let lags = self.runs.iter().filter_map(|run| {
            let summary = Summary::of([&run.measurement]);
            let median = summary.total.times[TimeKind::Response].quantile(0.5)?;
            Some((summary.lag_p99()?, lag_limit(median)))
        });
        let share = |(lag, limit): &(Duration, Duration)| lag.as_secs_f64() / limit.as_secs_f64();
        let worst = lags.max_by(|a, b| share(a).total_cmp(&share(b)));
        let beyond = worst.filter(|(lag, limit)| lag > limit);
        Reading {
            gate: Gate::Lag,
            value: worst.map(|(lag, _)| format!("{} ms", words::ms(lag))),
            beyond: beyond.map(|(lag_p99, limit)| Reason::GeneratorLag { lag_p99, limit }),
        }
    }

    fn generator(&self) -> Reading {
        let used = self.runs.iter().filter_map(|run| run.generator);
        let busiest = used.map(|GeneratorUse { cpu_ratio, .. }| cpu_ratio);
        let busiest = busiest.reduce(f64::max);
        let beyond = busiest.filter(|ratio| *ratio > MOST_GENERATOR_CPU_RATIO);
        Reading {
            gate: Gate::Generator,
            value: busiest.map(words::percent),
            beyond: beyond.map(|cpu_ratio| Reason::GeneratorBusy { cpu_ratio }),
        }
    }

    /// Users who pause are not in flight all the time, so that the law says nothing about how many there are.
    fn littles_law(&self, plan: &Plan, matters: bool) -> Reading {
        let laws = self.runs.iter().filter_map(|run| implied_users(run));
        let off = |implied: &f64| (implied / f64::from(plan.users.max(1))).ln().abs();
        let worst = laws.max_by(|a, b| off(a).total_cmp(&off(b)));
        let counts = matters && !plan.users_pause;
        let beyond = worst.filter(|law| counts && off(law) > MOST_OFF_LITTLES_LAW_RATIO.ln_1p());
        Reading {
            gate: Gate::LittlesLaw,
            value: worst.map(|implied| format!("{} users", words::figure(implied))),
            beyond: beyond.map(|implied_users| Reason::LittlesLaw {
                users: plan.users,
                implied_users,
            }),
        }
    }

    fn noise(&self, result: &Measured, plan: &Plan) -> Reading {
        let is_control = plan.control.as_deref() == Some(result.name());
        let noise = self.noise.filter(|_| is_control);
        let beyond = noise.filter(|noise| noise.is_beyond(plan.same_ratio));
        Reading {
            gate: Gate::Noise,
            value: noise.map(|noise| words::percent(noise.floor_ratio)),
            beyond: beyond.and_then(|noise| {
                Some(Reason::Noise {
                    baseline: plan.baseline.clone(),
                    ratio: noise.estimate.point_estimate,
                    interval: noise.estimate.confidence_interval?,
                })
            }),
        }
    }
}

/// Users that a run's rate and response times amount to (Little, "A Proof for the Queuing Formula: L = λW", Operations
/// Research 9:3, 1961): the rate times the mean time in flight of all requests, those that failed among them.
///
/// In records from before the time between completions was measured, only runs without failures can tell.
fn implied_users(run: &Run) -> Option<f64> {
    let total = Summary::of_runs([run]).total;
    let (rate, requests) = (total.requests_per_second()?, total.requests());
    let is_older = run.measurement.user_time.is_none();
    if requests == 0 || (is_older && total.failures() > 0) {
        return None;
    }
    let times = [
        &total.times[TimeKind::Response],
        &total.times[TimeKind::Failure],
        &total.times[TimeKind::Unanswered],
    ];
    let in_flight: Duration = times.into_iter().map(Times::sum).sum();
    Some(rate * in_flight.as_secs_f64() / requests as f64)
}

fn failed_turns(result: &Measured) -> Reading {
    let (failed, begun) = (result.turns.failed.len(), result.turns.begun);
    Reading {
        gate: Gate::FailedTurns,
        value: (begun > 0).then(|| format!("{failed} of {begun}")),
        beyond: (failed > 0).then(|| Reason::FailedTurns {
            failed: u32::try_from(failed).unwrap_or(u32::MAX),
            begun,
            how: result.turns.failures_in_words(),
        }),
    }
}

fn near_floor(result: &Measured, floor: Option<Floor>) -> Reading {
    let rate = result.summary.total.requests_per_second();
    let over = |floor: Floor| Some((rate? / floor.requests_per_second, floor));
    let reading = floor.and_then(over);
    let beyond = reading.filter(|(share, _)| *share > MOST_OF_FLOOR_RATIO);
    Reading {
        gate: Gate::Floor,
        value: reading.map(|(share, _)| words::percent(share)),
        beyond: beyond.map(|(_, floor)| Reason::NearFloor {
            floor_per_second: floor.requests_per_second,
        }),
    }
}

fn answers(result: &Measured, plan: &Plan) -> Reading {
    let agreement = result.agreement.as_ref();
    let differing_ratio = agreement.map(Agreement::differing_ratio);
    let beyond = differing_ratio.filter(|ratio| *ratio > plan.other_answers_ratio);
    Reading {
        gate: Gate::Answers,
        value: agreement
            .map(|agreement| format!("{} of {}", agreement.differing, agreement.compared)),
        beyond: beyond.map(|differing_ratio| Reason::OtherAnswers {
            differing_ratio,
            limit_ratio: plan.other_answers_ratio,
        }),
    }
}

fn settled(result: &Measured) -> Reading {
    let (never, turns) = result.unsettled;
    Reading {
        gate: Gate::Settled,
        value: (turns > 0).then(|| format!("{never} of {turns}")),
        beyond: None,
    }
}
