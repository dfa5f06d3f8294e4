//! Certificates that a client trusts and shows.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::SingleCertAndKey;

/// Who is trusted and who we are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trust {
    /// The only certificates that are trusted, and those that they sign; `None` trusts the system's authorities.
    pub(crate) authorities: Option<Arc<[CertificateDer<'static>]>>,
    /// What is shown to a server that asks who we are.
    pub(crate) identity: Option<Arc<SingleCertAndKey>>,
    /// The name that is asked for and that the server's certificate must be for, in place of the host's.
    pub(crate) server_name: Option<ServerName<'static>>,
}
