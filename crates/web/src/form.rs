//! Form of `POST /swarm`, as the page and scripts for Locust send it.

use std::num::NonZeroU32;
use std::time::Duration;

use bakeoff_load::{
    ArrivalRate, LoadConfig, MAX_IN_FLIGHT, OpenModel, Spacing, Stage, Workload, check_users_fit,
};

use crate::swarm::{SwarmError, users_of};

mod fields;

pub(crate) use fields::fields;

/// Values of the form. An empty field keeps its default. Unknown fields are ignored, as in Locust.
#[derive(Debug, Default)]
pub(crate) struct SwarmForm {
    /// Number of users. Zero stops all users of a running load.
    pub(crate) users: Option<u32>,
    pub(crate) spawn_rate: Option<f64>,
    pub(crate) host: Option<String>,
    pub(crate) run_time: Option<Duration>,
    /// Stages or arrivals, in place of a constant number of users.
    pub(crate) workload: Option<Workload>,
    /// Label of the run, as in Locust; a tag in the history.
    pub(crate) profile: Option<String>,
    /// User classes that take part; all classes if empty.
    pub(crate) user_classes: Vec<String>,
}

/// Fields that Locust's form does not have.
pub(crate) const ADVANCED: [&str; 3] = ["stages", "arrival_rate", "user_classes"];

impl SwarmForm {
    /// Parses the fields of a form.
    ///
    /// # Errors
    /// [`SwarmError::Form`] with the name of the wrong field.
    pub(crate) fn parse(pairs: &[(String, String)]) -> Result<Self, SwarmError> {
        Self::read(pairs).map_err(SwarmError::Form)
    }

    fn read(pairs: &[(String, String)]) -> Result<Self, String> {
        let mut form = Self::default();
        for (name, value) in pairs {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            match name.as_str() {
                "user_count" => form.users = Some(users(value)?),
                "spawn_rate" => form.spawn_rate = Some(spawn_rate(value)?),
                "host" => form.host = Some(value.to_owned()),
                "user_classes" => form.user_classes.push(value.to_owned()),
                "profile" => form.profile = Some(value.to_owned()),
                "run_time" => form.run_time = Some(run_time(value)?),
                "stages" => form.workload = Some(stages(value)?),
                "arrival_rate" => form.workload = Some(arrivals(value)?),
                _ => (),
            }
        }
        Ok(form)
    }

    /// Configuration of a load: the values of the form over the defaults.
    pub(crate) fn over(self, defaults: &LoadConfig) -> Result<LoadConfig, SwarmError> {
        let mut config = defaults.clone();
        let asked = self.users.is_some() || self.spawn_rate.is_some();
        if let Some(workload) = self.workload {
            config.workload = workload;
        } else if asked {
            let (users, rate) = users_of(&defaults.workload).unwrap_or((NonZeroU32::MIN, 1.0));
            let users = self.users.map_or(Some(users), NonZeroU32::new);
            config.workload = Workload::Users {
                users: users.ok_or(SwarmError::NobodyToStart)?,
                spawn_rate: self.spawn_rate.unwrap_or(rate),
            };
        }
        fit(config.workload.most_users())?;
        config.host = self.host.unwrap_or(config.host);
        config.run_time = self.run_time.or(config.run_time);
        Ok(config)
    }
}

/// Checks that the machine has enough memory for `users`.
pub(crate) fn fit(users: u32) -> Result<(), SwarmError> {
    check_users_fit(users).map_err(|error| SwarmError::Form(error.to_string()))
}

fn users(value: &str) -> Result<u32, String> {
    value
        .parse()
        .map_err(|_| "user_count must be a whole number of at least 0".to_owned())
}

fn spawn_rate(value: &str) -> Result<f64, String> {
    let rate = value
        .parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "spawn_rate must be a number above zero".to_owned())
}

/// Parses stages, one per line such as `1m 50 10`: duration, users, and the spawn rate, 1 by default.
fn stages(value: &str) -> Result<Workload, String> {
    let wrong =
        || "stages must be lines such as `1m 50 10`: duration, users, spawn rate".to_owned();
    let stage = |text: &str| {
        let mut parts = text.split_whitespace();
        let (duration, users) = (parts.next()?, parts.next()?);
        let spawn_rate = parts.next().map_or(Ok(1.0), spawn_rate);
        let duration = run_time(duration)
            .ok()
            .filter(|duration| !duration.is_zero())?;
        parts.next().is_none().then_some(())?;
        Some(Stage {
            duration,
            users: users.parse().ok()?,
            spawn_rate: spawn_rate.ok()?,
        })
    };
    let stages: Option<Vec<_>> = value.split(['\n', ',']).map(stage).collect();
    stages.map(Workload::Stages).ok_or_else(wrong)
}

fn arrivals(value: &str) -> Result<Workload, String> {
    let rate = spawn_rate(value).map_err(|_| "arrival_rate must be a number above zero")?;
    Ok(Workload::OpenModel(OpenModel {
        rates: vec![ArrivalRate::constant(rate)],
        spacing: Spacing::Poisson,
        max_in_flight: MAX_IN_FLIGHT,
    }))
}

fn run_time(value: &str) -> Result<Duration, String> {
    bakeoff_load::parse_duration(value).map_err(|problem| format!("run_time: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<SwarmForm, SwarmError> {
        let owned: Vec<_> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        SwarmForm::parse(&owned)
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (name, value) in [
            ("user_count", "-1"),
            ("user_count", "1.5"),
            ("user_count", "many"),
            ("spawn_rate", "0"),
            ("spawn_rate", "-1"),
            ("spawn_rate", "NaN"),
            ("spawn_rate", "inf"),
            ("run_time", "soon"),
            ("stages", "30s"),
            ("stages", "30s 5 0"),
            ("stages", "30s 5, 0s 4"),
            ("stages", "30s 5 1 2"),
            ("arrival_rate", "-3"),
        ] {
            let error = parse(&[(name, value)]).unwrap_err().to_string();
            assert!(error.starts_with(name), "{name}={value}: {error}");
        }
    }

    #[test]
    fn stages_are_time_users_and_spawn_rate() {
        let form = parse(&[("stages", "30s 20\r\n1m 0 2.5")]).unwrap();
        let stage = |seconds, users, spawn_rate| Stage {
            duration: Duration::from_secs(seconds),
            users,
            spawn_rate,
        };
        let expected = Workload::Stages(vec![stage(30, 20, 1.0), stage(60, 0, 2.5)]);
        assert_eq!(form.workload, Some(expected));
    }

    #[test]
    fn empty_and_unknown_fields_are_ignored() {
        let form = parse(&[("user_count", ""), ("shape", "x"), ("run_time", " 90 ")]).unwrap();
        assert_eq!(
            (form.users, form.run_time),
            (None, Some(Duration::from_secs(90)))
        );
    }
}
