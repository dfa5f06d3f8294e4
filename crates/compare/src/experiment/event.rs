//! Events of a running experiment, for its observer.

use bakeoff_load::Progress;
use bakeoff_record::{Experiment, LeftOut, Problem, Run, RunLoad};

/// Event while contenders are prepared and measured.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step in the preparation of a contender begins.
    Preparing {
        /// Name of the contender.
        contender: &'a str,
        /// Description of the step.
        step: &'a str,
    },
    /// A contender is left out.
    LeftOut(&'a LeftOut),
    /// The baseline is left out, and another contender takes its place.
    NewBaseline {
        /// Name of the baseline in the experiment file.
        left_out: &'a str,
        /// Name of the new baseline.
        baseline: &'a str,
    },
    /// Another experiment is running on this machine.
    OtherExperiment {
        /// Process id of the other Bakeoff.
        process: i32,
    },
    /// The plan in words, with its duration.
    Planned(&'a [String]),
    /// The measurement of the floor begins: the load on a server that does nothing.
    MeasuringFloor,
    /// The sample of requests is sent to a contender.
    Sampling {
        /// Name of the contender.
        contender: &'a str,
    },
    /// The start of a contender begins.
    Starting(Turn<'a>),
    /// A contender does not answer correctly yet, for this reason.
    Waiting(Turn<'a>, &'a str),
    /// Progress of the load of a turn, once a second.
    Load(Turn<'a>, &'a Progress<'a>),
    /// A load of a turn was measured.
    Measured(Turn<'a>, &'a Run),
    /// A turn could not be measured, or its contender ended under the load.
    Problem(Turn<'a>, &'a Problem),
    /// A block is over: every contender has taken its turn.
    BlockOver(&'a Experiment),
}

/// Turn of one contender in one block.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// Name of the contender.
    pub contender: &'a str,
    /// Number of the block, from 1; 0 for the sample of requests before the first block.
    pub block: u32,
    /// Number of blocks of this load in the present plan.
    pub blocks: u32,
    /// Load of the turn.
    pub load: RunLoad,
    /// Number of turns of the whole experiment before this one.
    pub turns_before: u32,
    /// Number of turns of the whole experiment in the present plan.
    pub turns: u32,
}

impl<'a> Turn<'a> {
    /// The turn of a contender before the first block, for problems with the sample of requests.
    pub(super) fn before_blocks(contender: &'a str) -> Self {
        Self {
            contender,
            block: 0,
            blocks: 0,
            load: RunLoad::Users,
            turns_before: 0,
            turns: 0,
        }
    }
}
