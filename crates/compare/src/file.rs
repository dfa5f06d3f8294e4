//! The experiment file: its contenders, its load, and the difference that counts.

use std::num::NonZeroU32;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bakeoff_analysis::statistics::fewest_blocks;
use bakeoff_load::{TomlError, TomlText};
use bakeoff_record::metric::Metric;
use bakeoff_record::{Restart, Slo};
use serde::Deserialize;
use toml::Spanned;

use crate::answers::AnswerRule;
use crate::contender::ContenderConfig;
use crate::cores::CoreAllocation;
use crate::error::CompareError;

mod contender;
mod value;

pub use value::{WarmUp, parse_percent, parse_share, parse_slo};

use contender::RawContender;
use value::{Percent, PositiveDuration, Price, RawAnswerRule, RawMetric, RawSlo, beside};

/// A parsed and validated experiment file. Its paths are resolved against its own folder.
#[derive(Debug, Clone)]
pub struct ExperimentFile {
    /// Folder of the file, against which its paths are resolved.
    pub folder: PathBuf,
    /// Scenario file of the load.
    pub scenario: PathBuf,
    /// Turns of each contender. The default is 10, or the fewest that a verdict on the contenders needs if that is more.
    pub blocks: NonZeroU32,
    /// Most blocks with `until_ratio`.
    pub max_blocks: NonZeroU32,
    /// Most blocks that are added to replace disturbed blocks; `None` for half of `blocks`.
    pub extra_blocks: Option<u32>,
    /// Half width of every confidence interval, as a ratio, at which the experiment ends; `None` for a fixed number of blocks.
    pub until_ratio: Option<f64>,
    /// Starts of contenders: for every turn, or once.
    pub restart: Restart,
    /// Time before each measured period, after all users have started.
    pub warm_up: WarmUp,
    /// Shortest measured period of a run.
    pub measure: Duration,
    /// Longest measured period of a run: it is extended until every user has finished enough rounds.
    pub measure_limit: Duration,
    /// Metric of the verdict.
    pub primary: Metric,
    /// Relative difference that does not matter, 0.05 for 5 %.
    pub same_ratio: f64,
    /// Name of the contender that the others are compared with.
    pub baseline: String,
    /// Rules that two answers to one request must fulfil. Without rules, answers are not compared.
    pub answer_rules: Vec<AnswerRule>,
    /// Share of sampled requests whose answers may differ from the baseline's, 0 to 1.
    pub other_answers_ratio: f64,
    /// `true` if the baseline takes a second turn in every block (the control), which measures the noise.
    pub control: bool,
    /// Seed of every random choice.
    pub seed: u64,
    /// Number of users in place of the scenario's.
    pub users: Option<NonZeroU32>,
    /// `true` if a sweep with more and more users looks for the knee of each contender.
    pub sweep: bool,
    /// Most users of a sweep.
    pub sweep_users: NonZeroU32,
    /// Measured period of each step of a sweep.
    pub sweep_measure: Duration,
    /// Arrival rates as shares of the lowest knee, or without a sweep of the lowest rate under users.
    pub open_ratios: Vec<f64>,
    /// Objective for the response times.
    pub slo: Option<Slo>,
    /// Price of one core per hour, in any currency.
    pub price_per_core_hour: Option<f64>,
    /// Allocation of cores to load generator and contenders.
    pub cores: CoreAllocation,
    /// Contenders in the order of the file.
    pub contenders: Vec<ContenderConfig>,
}

impl ExperimentFile {
    /// Reads and validates the file at `path`.
    ///
    /// # Errors
    /// [`CompareError::Read`], and [`CompareError::File`] with the line, the key and the remedy.
    pub fn open(path: &Path) -> Result<Self, CompareError> {
        let text = std::fs::read_to_string(path).map_err(|source| CompareError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// Validates `text` as the content of `path`.
    ///
    /// # Errors
    /// [`CompareError::File`] with the line, the key and the remedy.
    pub fn parse(text: &str, path: &Path) -> Result<Self, CompareError> {
        let text = TomlText { text, path };
        let wrong = |span: Range<usize>, problem: &str| mistake(text, text.error(&span, problem));
        let raw: RawExperiment = text.read().map_err(|error| mistake(text, error))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut contenders: Vec<ContenderConfig> = Vec::new();
        for raw in raw.contender {
            let span = raw.span();
            let contender = raw
                .into_inner()
                .resolve(folder)
                .map_err(|problem| wrong(span.clone(), &problem))?;
            if contenders.iter().any(|other| other.name == contender.name) {
                let message = format!(
                    "two contenders are named `{}`; give each its own name",
                    contender.name
                );
                return Err(wrong(span, &message));
            }
            contenders.push(contender);
        }
        let Some(first) = contenders.first() else {
            return Err(wrong(
                0..0,
                "no `[[contender]]`; an experiment needs at least one",
            ));
        };
        let baseline = match &raw.baseline {
            Some(named) => known(named.get_ref(), &contenders)
                .map_err(|problem| wrong(named.span(), &problem))?,
            None => first.name.clone(),
        };
        let mut answer_rules = Vec::new();
        for rule in raw.answers {
            let span = rule.span();
            let rule = rule.into_inner().resolve();
            answer_rules.push(rule.map_err(|problem| wrong(span, &problem))?);
        }
        let blocks = raw.blocks.unwrap_or_else(|| {
            NonZeroU32::max(
                DEFAULT_BLOCKS,
                fewest_for(contenders.len()).unwrap_or(NonZeroU32::MIN),
            )
        });
        Ok(Self {
            folder: folder.to_owned(),
            scenario: beside(folder, &raw.scenario),
            max_blocks: raw.max_blocks.max(blocks),
            blocks,
            extra_blocks: raw.extra_blocks,
            until_ratio: raw.until.map(|until| until.0),
            restart: raw.restart.into(),
            warm_up: raw.warm_up,
            measure_limit: raw.measure_limit.0.max(raw.measure.0),
            measure: raw.measure.0,
            primary: raw.primary.0,
            same_ratio: raw.same.0,
            baseline,
            answer_rules,
            other_answers_ratio: raw.other_answers.map_or(0.0, |share| share.0),
            control: raw.control,
            seed: raw.seed,
            users: raw.users,
            sweep: raw.sweep,
            sweep_users: raw.sweep_users,
            sweep_measure: raw.sweep_measure.0,
            open_ratios: raw.open.into_iter().map(|share| share.0).collect(),
            slo: raw.slo.map(|slo| slo.0),
            price_per_core_hour: raw.price_per_core_hour.map(|price| price.0),
            cores: raw.cores,
            contenders,
        })
    }
}

impl ExperimentFile {
    /// Sets `blocks` to the fewest that can show a difference between the contenders.
    pub fn make_quick(&mut self) {
        self.blocks = self.fewest_blocks().unwrap_or(NonZeroU32::MIN);
    }

    /// Number of blocks that a verdict needs, if the plan has fewer and so cannot come to a verdict whatever it measures.
    /// `None` for a plan with enough blocks and for a single contender. With `until_ratio`, `max_blocks` counts.
    pub fn blocks_missing(&self) -> Option<NonZeroU32> {
        let most = if self.until_ratio.is_some() {
            self.max_blocks.max(self.blocks)
        } else {
            self.blocks
        };
        self.fewest_blocks().filter(|fewest| most < *fewest)
    }

    /// Checks that the plan has enough blocks for a verdict.
    ///
    /// # Errors
    /// [`CompareError::TooFewBlocks`] for a plan that cannot come to a verdict.
    pub fn check_blocks(&self) -> Result<(), CompareError> {
        match self.blocks_missing() {
            Some(fewest) => Err(CompareError::TooFewBlocks {
                blocks: self.blocks.get(),
                contenders: self.contenders.len(),
                fewest: fewest.get(),
            }),
            None => Ok(()),
        }
    }

    /// Fewest blocks that can show a difference; `None` for a single contender.
    fn fewest_blocks(&self) -> Option<NonZeroU32> {
        fewest_for(self.contenders.len())
    }

    /// Keeps the contenders with these names, and all contenders if `names` is empty. If the baseline is not among them, the
    /// first contender that is left becomes the baseline.
    ///
    /// # Errors
    /// [`CompareError::UnknownContender`] for a name that no contender has.
    pub fn only(&mut self, names: &[String]) -> Result<(), CompareError> {
        if names.is_empty() {
            return Ok(());
        }
        if let Some(name) = names
            .iter()
            .find(|name| self.contenders.iter().all(|c| c.name != **name))
        {
            let known: Vec<_> = self.contenders.iter().map(|c| c.name.as_str()).collect();
            return Err(CompareError::UnknownContender {
                name: name.clone(),
                known: known.join(", "),
            });
        }
        self.contenders
            .retain(|contender| names.contains(&contender.name));
        if !names.contains(&self.baseline) {
            self.baseline.clone_from(&self.contenders[0].name);
        }
        Ok(())
    }
}

/// Fewest blocks that can show a difference between this number of contenders; `None` for one contender.
fn fewest_for(contenders: usize) -> Option<NonZeroU32> {
    let comparisons = contenders.checked_sub(1).filter(|others| *others > 0)?;
    let fewest = u32::try_from(fewest_blocks(comparisons)).ok();
    fewest.and_then(NonZeroU32::new)
}

/// The `baseline` of a file, which has to be the name of a contender.
fn known(baseline: &str, contenders: &[ContenderConfig]) -> Result<String, String> {
    let names: Vec<&str> = contenders.iter().map(|other| other.name.as_str()).collect();
    if names.contains(&baseline) {
        return Ok(baseline.to_owned());
    }
    let names = names.join(", ");
    Err(format!(
        "`baseline` is `{baseline}`, contenders are {names}"
    ))
}

/// The mistake `error` in an experiment file, with the content of its line.
fn mistake(text: TomlText<'_>, error: TomlError) -> CompareError {
    let content = text.content(error.line);
    CompareError::File {
        message: format!("`{content}`: {}", error.problem),
        path: error.path,
        line: error.line,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExperiment {
    scenario: PathBuf,
    blocks: Option<NonZeroU32>,
    #[serde(default = "default_max_blocks")]
    max_blocks: NonZeroU32,
    extra_blocks: Option<u32>,
    until: Option<Percent>,
    #[serde(default)]
    restart: RawRestart,
    #[serde(default)]
    warm_up: WarmUp,
    #[serde(default = "default_measure")]
    measure: PositiveDuration,
    #[serde(default = "default_measure_limit")]
    measure_limit: PositiveDuration,
    #[serde(default)]
    primary: RawMetric,
    #[serde(default)]
    same: Percent,
    baseline: Option<Spanned<String>>,
    #[serde(default)]
    answers: Vec<Spanned<RawAnswerRule>>,
    other_answers: Option<Percent>,
    #[serde(default = "default_control")]
    control: bool,
    #[serde(default = "default_seed")]
    seed: u64,
    users: Option<NonZeroU32>,
    #[serde(default)]
    sweep: bool,
    #[serde(default = "default_sweep_users")]
    sweep_users: NonZeroU32,
    #[serde(default = "default_sweep_measure")]
    sweep_measure: PositiveDuration,
    #[serde(default)]
    open: Vec<Percent>,
    slo: Option<RawSlo>,
    price_per_core_hour: Option<Price>,
    #[serde(default)]
    cores: CoreAllocation,
    #[serde(default)]
    contender: Vec<Spanned<RawContender>>,
}

/// Default number of blocks, unless a verdict on the contenders needs more.
const DEFAULT_BLOCKS: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");

fn default_control() -> bool {
    true
}

fn default_max_blocks() -> NonZeroU32 {
    NonZeroU32::new(50).expect("fifty is not zero")
}

fn default_sweep_users() -> NonZeroU32 {
    NonZeroU32::new(512).expect("512 is not zero")
}

fn default_sweep_measure() -> PositiveDuration {
    PositiveDuration(Duration::from_secs(2))
}

#[derive(Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawRestart {
    #[default]
    Block,
    Once,
}

impl From<RawRestart> for Restart {
    fn from(restart: RawRestart) -> Self {
        match restart {
            RawRestart::Block => Self::Block,
            RawRestart::Once => Self::Once,
        }
    }
}

fn default_measure() -> PositiveDuration {
    PositiveDuration(Duration::from_secs(5))
}

fn default_measure_limit() -> PositiveDuration {
    PositiveDuration(Duration::from_mins(1))
}

fn default_seed() -> u64 {
    1
}
