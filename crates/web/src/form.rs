//! The form of `POST /swarm`, as the page and scripts written for Locust send it.

use std::num::NonZeroU32;
use std::time::Duration;

use bakeoff_load::LoadConfig;

/// The form's values. What is left empty keeps its default; fields that are not known are ignored, as Locust does.
#[derive(Debug, Default)]
pub(crate) struct SwarmForm {
    pub(crate) users: Option<NonZeroU32>,
    pub(crate) spawn_rate: Option<f64>,
    host: Option<String>,
    run_time: Option<Duration>,
    /// Fields that ask for what no load can do yet.
    not_yet: Option<&'static str>,
}

/// Fields of loads that cannot be started from a form yet.
const NOT_YET: [&str; 3] = ["stages", "arrival_rate", "user_classes"];

impl SwarmForm {
    /// The form of these pairs; the error says what is wrong with which field.
    pub(crate) fn parse(pairs: &[(String, String)]) -> Result<Self, String> {
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
                "run_time" => form.run_time = Some(run_time(value)?),
                other => {
                    let not_yet = NOT_YET.into_iter().find(|name| *name == other);
                    form.not_yet = form.not_yet.or(not_yet);
                }
            }
        }
        Ok(form)
    }

    /// The form's values over the defaults.
    pub(crate) fn over(self, defaults: &LoadConfig) -> Result<LoadConfig, String> {
        if let Some(field) = self.not_yet {
            return Err(format!("{field} cannot be given here yet"));
        }
        let mut config = defaults.clone();
        config.users = self.users.unwrap_or(config.users);
        config.spawn_rate = self.spawn_rate.unwrap_or(config.spawn_rate);
        config.host = self.host.unwrap_or(config.host);
        config.run_time = self.run_time.or(config.run_time);
        Ok(config)
    }
}

fn users(value: &str) -> Result<NonZeroU32, String> {
    value
        .parse()
        .map_err(|_| "user_count must be a whole number above zero".to_owned())
}

fn spawn_rate(value: &str) -> Result<f64, String> {
    let rate = value
        .parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "spawn_rate must be a number above zero".to_owned())
}

fn run_time(value: &str) -> Result<Duration, String> {
    let bare_seconds = value.parse().map(Duration::from_secs).ok();
    let time = bare_seconds.or_else(|| humantime::parse_duration(value).ok());
    time.ok_or_else(|| "run_time must be a time such as 60s or 1h30m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<SwarmForm, String> {
        let owned: Vec<_> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        SwarmForm::parse(&owned)
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (name, value) in [
            ("user_count", "0"),
            ("user_count", "many"),
            ("spawn_rate", "0"),
            ("spawn_rate", "-1"),
            ("spawn_rate", "NaN"),
            ("spawn_rate", "inf"),
            ("run_time", "soon"),
        ] {
            let error = parse(&[(name, value)]).unwrap_err();
            assert!(error.starts_with(name), "{name}={value}: {error}");
        }
    }

    #[test]
    fn empty_and_unknown_fields_are_ignored() {
        let form = parse(&[("user_count", ""), ("profile", "x"), ("run_time", " 90 ")]).unwrap();
        assert_eq!(
            (form.users, form.run_time),
            (None, Some(Duration::from_secs(90)))
        );
    }
}
