//! The server under load: its addresses, its TLS settings and its version of HTTP.

use std::sync::Arc;

use crate::connection_settings::{ConnectionSettings, HttpVersion};
use crate::error::LoadError;
use crate::host::{Addresses, Host};
use crate::tls::Tls;

/// The server under load, as all connections share it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) addresses: Addresses,
    pub(crate) tls: Option<Tls>,
    pub(crate) http: HttpVersion,
}

impl Target {
    /// Resolves `host`, and for `https` prepares TLS.
    pub(crate) async fn new(
        host: &Host,
        connecting: &ConnectionSettings,
    ) -> Result<Arc<Self>, LoadError> {
        connecting.check(host)?;
        let tls = host
            .secure
            .then(|| Tls::new(host, connecting))
            .transpose()?;
        Ok(Arc::new(Self {
            addresses: host.resolve().await?,
            tls,
            http: connecting.http,
        }))
    }
}
