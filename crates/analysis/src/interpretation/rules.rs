//! All rules, in the order in which they speak.

use super::case::Case;
use super::{conclusion, consistency, cost, next, performance, throughput, turns, work};

/// Rule of the interpretation: a condition and its sentences.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Name in the documentation.
    pub name: &'static str,
    /// Paragraph of its sentences.
    pub about: About,
    /// Condition for its sentences, in one line.
    pub when: &'static str,
    /// Sentences about a case; none if the condition does not hold.
    pub(crate) sentences: fn(&Case<'_>) -> Vec<String>,
}

/// Subject of a paragraph, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Agreement of the figures with each other.
    Consistency,
    /// Response times.
    Performance,
    /// Requests per second.
    Throughput,
    /// Processor time, memory and money.
    Cost,
    /// Verdicts, and what was not measured.
    Conclusion,
    /// Advice for the next experiment.
    Next,
}

impl About {
    /// All subjects.
    pub const ALL: [Self; 6] = [
        Self::Consistency,
        Self::Performance,
        Self::Throughput,
        Self::Cost,
        Self::Conclusion,
        Self::Next,
    ];

    /// Heading of the paragraph.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Consistency => "Consistency",
            Self::Performance => "Performance",
            Self::Throughput => "Throughput",
            Self::Cost => "Cost",
            Self::Conclusion => "Conclusion",
            Self::Next => "What to do next",
        }
    }
}

/// All rules. `docs/interpretation.md` is written from this table.
pub const RULES: &[Rule] = &[
    Rule {
        name: "spread",
        about: About::Consistency,
        when: "always: p50 and p99 with their intervals, and their ratio over the blocks, “a large spread” where its interval is above 5",
        sentences: consistency::spread,
    },
    Rule {
        name: "steadiest",
        about: About::Consistency,
        when: "the intervals of the smallest and the largest of these ratios do not overlap",
        sentences: consistency::steadiest,
    },
    Rule {
        name: "blocks",
        about: About::Consistency,
        when: "there are two blocks: the lowest and the highest value of the primary metric; if a block is above 10 % from the median block, that the cause is not known",
        sentences: consistency::blocks,
    },
    Rule {
        name: "unsettled",
        about: About::Consistency,
        when: "the rate had not settled when a turn was measured, or changed during the turn",
        sentences: consistency::unsettled,
    },
    Rule {
        name: "failed turns",
        about: About::Consistency,
        when: "a turn failed: no answer, more than 1 % failures by number or by users' time, or the contender ended",
        sentences: turns::failed,
    },
    Rule {
        name: "voided blocks",
        about: About::Consistency,
        when: "a block was disturbed by the load generator, other processes or other virtual machines, and is left out of the verdict",
        sentences: turns::voided,
    },
    Rule {
        name: "drift",
        about: About::Consistency,
        when: "the primary metric depends on a turn's position within its block, or on the block, with p below 0.01",
        sentences: turns::drift,
    },
    Rule {
        name: "cold start",
        about: About::Consistency,
        when: "starts were recorded: time from a start to the first correct answer, median and range",
        sentences: consistency::cold_start,
    },
    Rule {
        name: "answers",
        about: About::Consistency,
        when: "answers to a sample of requests were compared with the baseline's",
        sentences: consistency::answers,
    },
    Rule {
        name: "connections",
        about: About::Consistency,
        when: "a contender opened more than 0.1 connections for each request and the baseline did not, or the reverse, and neither failed in more than 1 % of the requests",
        sentences: work::connections,
    },
    Rule {
        name: "body sizes",
        about: About::Consistency,
        when: "the average body of a contender's answers is more than 10 % longer or shorter than the baseline's, and no sample of answers has shown that they are the same",
        sentences: work::bodies,
    },
    Rule {
        name: "repeats",
        about: About::Consistency,
        when: "in a turn, requests were sent more than 1.05 times each on average",
        sentences: work::repeats,
    },
    Rule {
        name: "errors",
        about: About::Consistency,
        when: "always: number of failed requests, most frequent cause, and number of requests without an answer",
        sentences: consistency::errors,
    },
    Rule {
        name: "noise",
        about: About::Consistency,
        when: "the baseline took second turns",
        sentences: consistency::noise,
    },
    Rule {
        name: "times",
        about: About::Performance,
        when: "always: mean, p95 with its interval, and maximum",
        sentences: performance::times,
    },
    Rule {
        name: "against the baseline",
        about: About::Performance,
        when: "no gate forbids the comparison: ratios of p50, p95 and p99 with their intervals",
        sentences: performance::against_baseline,
    },
    Rule {
        name: "throughout",
        about: About::Performance,
        when: "the intervals of the ratios of all percentiles from p10 on lie on the same side of 1, by more than the 0.2 % to which times are stored",
        sentences: performance::throughout,
    },
    Rule {
        name: "opposite ends",
        about: About::Performance,
        when: "some of these intervals lie on one side of 1, and others on the other",
        sentences: performance::opposite,
    },
    Rule {
        name: "partly",
        about: About::Performance,
        when: "some of these intervals lie on one side of 1, and none on the other",
        sentences: performance::partly,
    },
    Rule {
        name: "users wait",
        about: About::Performance,
        when: "there are two contenders: the same number of users is not the same request rate",
        sentences: performance::users_wait,
    },
    Rule {
        name: "at equal rates",
        about: About::Performance,
        when: "requests arrived at fixed rates: p50 and p95 at each rate with their intervals, and the ratio of p95",
        sentences: performance::at_rates,
    },
    Rule {
        name: "overwhelmed",
        about: About::Performance,
        when: "more than 1 % of the arrivals at a rate were not sent to a contender, or to the baseline, since the limit of requests in flight was reached, and the load generator was not delayed",
        sentences: performance::overwhelmed,
    },
    Rule {
        name: "rates",
        about: About::Throughput,
        when: "always: successful requests per second with an interval, and the ratio to the baseline",
        sentences: throughput::rates,
    },
    Rule {
        name: "knees",
        about: About::Throughput,
        when: "there was a sweep: the fewest users with 95 % of the highest throughput",
        sentences: throughput::knees,
    },
    Rule {
        name: "knee not reached",
        about: About::Throughput,
        when: "a sweep ended before two more steps added less than 5 %",
        sentences: throughput::unreached,
    },
    Rule {
        name: "queue",
        about: About::Throughput,
        when: "users never pause, are more than at the knee of any block, and throughput is not above that at the knee",
        sentences: throughput::queue,
    },
    Rule {
        name: "objective",
        about: About::Throughput,
        when: "there was a sweep and an objective: the highest throughput that keeps it",
        sentences: throughput::objective,
    },
    Rule {
        name: "machine",
        about: About::Throughput,
        when: "a contender ran on the machine of the load generator: the cores of each",
        sentences: throughput::machine,
    },
    Rule {
        name: "processor",
        about: About::Cost,
        when: "processor time was recorded: per 1,000 requests with an interval, requests per second per core, and the ratio to the baseline",
        sentences: cost::processor,
    },
    Rule {
        name: "memory",
        about: About::Cost,
        when: "memory was recorded: the largest of any turn",
        sentences: cost::memory,
    },
    Rule {
        name: "not seen",
        about: About::Cost,
        when: "a contender was measured, and its processor time was not recorded",
        sentences: cost::not_seen,
    },
    Rule {
        name: "money",
        about: About::Cost,
        when: "the experiment has a price per core",
        sentences: cost::money,
    },
    Rule {
        name: "verdicts",
        about: About::Conclusion,
        when: "always: the verdict on each contender with its evidence",
        sentences: conclusion::verdicts,
    },
    Rule {
        name: "missing",
        about: About::Conclusion,
        when: "a contender, a block or a turn of the plan was not measured",
        sentences: conclusion::missing,
    },
    Rule {
        name: "failures first",
        about: About::Next,
        when: "more than 1 % of the requests to a contender failed",
        sentences: next::failures_first,
    },
    Rule {
        name: "waiting",
        about: About::Next,
        when: "users are more than at the knee of any block, and over 50 % of the median response time (its interval) is waiting that one user alone does not have",
        sentences: next::waiting,
    },
    Rule {
        name: "idle cores",
        about: About::Next,
        when: "users never pause, are at least 2 per core and more than at the knee of any block, no process waited for a processor for more than 25 % of any turn, and a contender uses less than 75 % (its interval) of the cores available to it",
        sentences: next::idle_cores,
    },
    Rule {
        name: "long start",
        about: About::Next,
        when: "the median start takes more than 10 s",
        sentences: next::long_start,
    },
    Rule {
        name: "growing memory",
        about: About::Next,
        when: "contenders keep running, and over 6 blocks at least the memory of one never fell and grew by more than 10 %",
        sentences: next::growing_memory,
    },
    Rule {
        name: "longer warm-up",
        about: About::Next,
        when: "the rate had not settled, or kept changing, in more than half of the turns, and some block was not disturbed",
        sentences: next::longer_warm_up,
    },
    Rule {
        name: "more blocks",
        about: About::Next,
        when: "a comparison needs more blocks: the fewest for a verdict, or about how many would decide",
        sentences: next::more_blocks,
    },
    Rule {
        name: "quieter machine",
        about: About::Next,
        when: "the baseline differs from itself by more than what matters",
        sentences: next::quieter_machine,
    },
    Rule {
        name: "rare percentile",
        about: About::Next,
        when: "there are too few requests for an interval of p99.9: the time that it would take",
        sentences: next::rare_percentile,
    },
];
