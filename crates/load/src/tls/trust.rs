//! Certificates that a client trusts and shows.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::SingleCertAndKey;

/// Certificates that a client trusts and shows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trust {
    /// Trusted certificates, with those that they sign; `None` trusts the authorities of the system.
    pub(crate) authorities: Option<Arc<[CertificateDer<'static>]>>,
    /// Identity for a server that asks for a client certificate.
    pub(crate) identity: Option<Arc<SingleCertAndKey>>,
    /// Name of the server in the handshake and in its certificate; `None` for that of the host.
    pub(crate) server_name: Option<ServerName<'static>>,
}
