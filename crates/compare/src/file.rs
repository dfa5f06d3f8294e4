//! The experiment file: who takes part, in what, and what would count as a difference.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bakeoff_analysis::statistics::fewest_blocks;
use bakeoff_record::metric::Metric;
use bakeoff_record::{Restart, Slo};
use serde::Deserialize;
use toml::Spanned;

use crate::answers::AnswerRule;
use crate::cores::CoreWish;
use crate::error::CompareError;

mod contender;
mod value;

pub use contender::{ContenderConfig, DockerConfig, Image, Launch, Network};
pub use value::{WarmUp, parse_percent, parse_slo};

use contender::RawContender;
use value::{Percent, PositiveDuration, Price, RawAnswerRule, RawMetric, RawSlo};

/// A parsed and validated experiment file, its paths resolved against its own folder.
#[derive(Debug, Clone)]
pub struct ExperimentFile {
    /// The folder that it lies in, against which its paths are resolved.
    pub folder: PathBuf,
    /// The scenario file that makes the load.
    pub scenario: PathBuf,
    /// Turns of every contender; where the file does not say, ten, or as many as a verdict on so many contenders needs.
    pub blocks: NonZeroU32,
    /// Blocks up to which it goes on for the sake of `until_ratio`.
    pub max_blocks: NonZeroU32,
    /// Blocks that may be added for the sake of blocks that were disturbed; `None` for half of `blocks`.
    pub extra_blocks: Option<u32>,
    /// How narrow the interval of every comparison has to be, as the ratio of its half width; `None` for a fixed number
    /// of blocks.
    pub until_ratio: Option<f64>,
    /// How often contenders are started.
    pub restart: Restart,
    /// The time before each measured period, after all users have started.
    pub warm_up: WarmUp,
    /// The least measured period of each run.
    pub measure: Duration,
    /// The most time that the measured period is extended to, until every user has finished enough rounds.
    pub measure_limit: Duration,
    /// The metric that the verdict is about.
    pub primary: Metric,
    /// The relative difference that does not matter, 0.05 for 5 %.
    pub same_ratio: f64,
    /// The contender that the others are compared with.
    pub baseline: String,
    /// What has to be the same in two answers to one request; nothing is compared without rules.
    pub answer_rules: Vec<AnswerRule>,
    /// The share of sampled requests that may be answered otherwise than by the baseline.
    pub other_answers_ratio: f64,
    /// Whether the baseline takes a second turn in every block, which shows how well contenders are told apart.
    pub control: bool,
    /// Seed of every random choice.
    pub seed: u64,
    /// Users, where the experiment wants others than its scenario.
    pub users: Option<NonZeroU32>,
    /// Whether each contender's knee is looked for with more and more users.
    pub sweep: bool,
    /// Users that a sweep does not go beyond.
    pub sweep_users: NonZeroU32,
    /// The measured period of each step of a sweep.
    pub sweep_measure: Duration,
    /// Rates at which requests arrive, as shares of the lowest knee, or without a sweep of the lowest rate of the closed load.
    pub open_ratios: Vec<f64>,
    /// What response times have to be like.
    pub slo: Option<Slo>,
    /// What one core costs per hour.
    pub price_per_core_hour: Option<f64>,
    /// Which cores load generator and contenders get.
    pub cores: CoreWish,
    /// Who takes part.
    pub contenders: Vec<ContenderConfig>,
}

impl ExperimentFile {
    /// Reads and validates the file at `path`.
    ///
    /// # Errors
    /// [`CompareError::Read`], and [`CompareError::File`] with the line, the key and what would be right.
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
    /// [`CompareError::File`] with the line, the key and what would be right.
    pub fn parse(text: &str, path: &Path) -> Result<Self, CompareError> {
        let source = Source { text, path };
        let raw: RawExperiment =
            toml::from_str(text).map_err(|error| source.error(error.span(), error.message()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut contenders: Vec<ContenderConfig> = Vec::new();
        for raw in raw.contender {
            let span = raw.span();
            let contender = raw
                .into_inner()
                .resolve(folder)
                .map_err(|message| source.error(Some(span.clone()), &message))?;
            if contenders.iter().any(|other| other.name == contender.name) {
                let message = format!(
                    "two contenders are named `{}`; give each its own name",
                    contender.name
                );
                return Err(source.error(Some(span), &message));
            }
            contenders.push(contender);
        }
        let Some(first) = contenders.first() else {
            return Err(source.error(None, "no `[[contender]]`; an experiment needs at least one"));
        };
        let baseline = match raw.baseline {
            Some(baseline) if contenders.iter().any(|c| c.name == *baseline.get_ref()) => {
                baseline.into_inner()
            }
            Some(baseline) => {
                let known: Vec<_> = contenders.iter().map(|c| c.name.as_str()).collect();
                let message = format!(
                    "`baseline` is `{}`, contenders are {}",
                    baseline.get_ref(),
                    known.join(", ")
                );
                return Err(source.error(Some(baseline.span()), &message));
            }
            None => first.name.clone(),
        };
        let mut answer_rules = Vec::new();
        for rule in raw.answers {
            let span = rule.span();
            let rule = rule.into_inner().resolve();
            answer_rules.push(rule.map_err(|message| source.error(Some(span), &message))?);
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
    /// Asks for the fewest blocks that can show a difference between so many contenders.
    pub fn make_quick(&mut self) {
        self.blocks = self.fewest_blocks().unwrap_or(NonZeroU32::MIN);
    }

    /// The number of blocks that a verdict needs, where the plan has fewer and so cannot come to one whatever it measures.
    /// `None` for a plan that can, for one contender alone, and with [`Self::until_ratio`], which goes on until there are enough.
    pub fn blocks_missing(&self) -> Option<NonZeroU32> {
        let most = if self.until_ratio.is_some() {
            self.max_blocks.max(self.blocks)
        } else {
            self.blocks
        };
        self.fewest_blocks().filter(|fewest| most < *fewest)
    }

    /// The same as an error.
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

    /// The fewest blocks that can show a difference; `None` without anything to compare.
    fn fewest_blocks(&self) -> Option<NonZeroU32> {
        fewest_for(self.contenders.len())
    }

    /// Keeps only the contenders named; keeps all where no name is given. Without the baseline of the file
    /// the first of them takes its place.
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

/// The path of a file that is named relative to a folder. It is never empty, so that errors show it.
fn beside(folder: &Path, file: &Path) -> PathBuf {
    let path = folder.join(file);
    if path.as_os_str().is_empty() {
        return PathBuf::from(".");
    }
    path
}

/// The fewest blocks that can show a difference between so many contenders; `None` for one alone.
fn fewest_for(contenders: usize) -> Option<NonZeroU32> {
    let comparisons = contenders.checked_sub(1).filter(|others| *others > 0)?;
    let fewest = u32::try_from(fewest_blocks(comparisons)).ok();
    fewest.and_then(NonZeroU32::new)
}

/// A file's text and name, to point at a place in it.
struct Source<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Source<'_> {
    fn error(&self, span: Option<std::ops::Range<usize>>, message: &str) -> CompareError {
        let start = span.map_or(0, |span| span.start.min(self.text.len()));
        let before = self.text.get(..start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let content = self.text.lines().nth(line - 1).unwrap_or_default().trim();
        let message = message.trim_end().replace('\n', ", ");
        CompareError::File {
            path: self.path.to_owned(),
            line,
            message: format!("`{content}`: {message}"),
        }
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
    cores: CoreWish,
    #[serde(default)]
    contender: Vec<Spanned<RawContender>>,
}

/// Blocks where neither the file nor the number of contenders asks for others.
const DEFAULT_BLOCKS: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");

fn default_control() -> bool {
    true
}

fn default_max_blocks() -> NonZeroU32 {
    NonZeroU32::new(50).expect("fifty is not zero")
}

fn default_sweep_users() -> NonZeroU32 {
    NonZeroU32::new(512).expect("it is not zero")
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
