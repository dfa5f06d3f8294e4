//! Contenders that run already: Bakeoff knows their address, and neither starts nor stops them.

use bakeoff_record::{ContenderKind, Fact};
use tokio_util::sync::CancellationToken;
use url::Host;

use crate::contender::{
    Consumption, ContenderConfig, Deployment, Missing, Running, StartError, facts,
};
use crate::cores::Cores;

/// Base address of a server that runs already, without a slash at its end.
#[derive(Debug)]
pub(crate) struct Address(String);

impl Address {
    /// The address in `url`, which [`bakeoff_load::check_host`] accepts.
    pub(crate) fn new(url: &str) -> Self {
        Self(url.trim_end_matches('/').to_owned())
    }
}

impl Deployment for Address {
    fn kind(&self) -> ContenderKind {
        ContenderKind::Url
    }

    fn detail(&self) -> String {
        self.0.clone()
    }

    fn running_at(&self) -> Option<&str> {
        Some(&self.0)
    }

    fn is_here(&self, _contender: &ContenderConfig) -> Result<(), Missing> {
        Ok(())
    }

    fn facts(&self, contender: &ContenderConfig, stop: &CancellationToken) -> Vec<Fact> {
        facts::of(contender, facts::Environment::OfItsOwn, stop)
    }

    fn start(
        &self,
        _contender: &ContenderConfig,
        _cores: Option<&Cores>,
    ) -> Result<Box<dyn Running>, StartError> {
        Ok(Box::new(Remote(self.0.clone())))
    }
}

/// A server that runs already, by its address.
struct Remote(String);

impl Running for Remote {
    fn address(&self) -> &str {
        &self.0
    }

    fn ended(&mut self) -> Option<String> {
        None
    }

    fn last_lines(&mut self) -> String {
        String::new()
    }

    fn consumption(&mut self) -> Option<Consumption> {
        None
    }

    fn is_elsewhere(&self) -> bool {
        let address = url::Url::parse(&self.0).ok();
        match address.as_ref().and_then(url::Url::host) {
            Some(Host::Ipv4(ip)) => !ip.is_loopback(),
            Some(Host::Ipv6(ip)) => !ip.is_loopback(),
            Some(Host::Domain(name)) => name != "localhost",
            None => false,
        }
    }
}
