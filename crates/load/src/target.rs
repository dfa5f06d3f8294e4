//! The server under load as connections see it: where it is, and how it is spoken to.

use std::sync::Arc;

use crate::connection_settings::{Connecting, HttpVersion};
use crate::error::LoadError;
use crate::host::{Addresses, Host};
use crate::tls::Tls;

/// What all connections of a load share.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) addresses: Addresses,
    pub(crate) tls: Option<Tls>,
    pub(crate) http: HttpVersion,
}

impl Target {
    /// Looks `host` up, and for `https` gets ready what the handshakes need.
    pub(crate) async fn new(host: &Host, connecting: &Connecting) -> Result<Arc<Self>, LoadError> {
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
