//! Contenders whose tools are installed and whose set-up is done.

use bakeoff_record::{Contender, Fact};

use crate::contender::set_up::{self, SetUp};
use crate::contender::{ContenderConfig, Missing, Preparation, Running, StartError};
use crate::cores::Cores;

/// A contender that can be started.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) config: ContenderConfig,
    facts: Vec<Fact>,
    /// Processes that the set-up left running. Their end comes with the drop.
    _set_up: SetUp,
}

impl Prepared {
    /// Runs the set-up of the contender, looks for its tools and makes what its starts need.
    ///
    /// # Errors
    /// The reason why the contender is left out.
    pub(crate) fn new(
        config: &ContenderConfig,
        preparation: &mut Preparation<'_>,
    ) -> Result<Self, Missing> {
        let deployment = &config.deployment;
        let mut set_up = set_up::run(config, preparation)?;
        if let Err(missing) = deployment.is_here(config) {
            if set_up.was_run || !deployment.is_made_by_set_up() {
                return Err(missing);
            }
            // The files of an earlier set-up may have been deleted since.
            set_up = set_up::run_again(config, preparation, missing)?;
            deployment.is_here(config)?;
        }
        deployment.make_ready(config, preparation)?;
        Ok(Self {
            facts: deployment.facts(config, preparation.stop),
            config: config.clone(),
            _set_up: set_up,
        })
    }

    /// Description of the contender for the record.
    pub(crate) fn contender(&self) -> Contender {
        Contender {
            name: self.config.name.clone(),
            kind: self.config.kind(),
            detail: self.config.detail(),
            facts: self.facts.clone(),
        }
    }

    /// Starts the contender, on the contenders' cores where `cores` are split.
    pub(crate) fn start(&self, cores: Option<&Cores>) -> Result<Box<dyn Running>, StartError> {
        self.config.deployment.start(&self.config, cores)
    }
}
