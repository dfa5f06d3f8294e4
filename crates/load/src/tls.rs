//! TLS settings of a load.

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use self::verifier::{AnyCertificate, ListedCertificates};
use crate::connection_settings::{ConnectionSettings, HttpVersion};
use crate::error::LoadError;
use crate::host::Host;

mod files;
pub(crate) mod trust;
mod verifier;

pub(crate) use files::{authorities, identity};

/// TLS client of all connections of a load. Each connection can resume the session of another one.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) connector: TlsConnector,
    pub(crate) server_name: ServerName<'static>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

impl Tls {
    pub(crate) fn new(host: &Host, connecting: &ConnectionSettings) -> Result<Self, LoadError> {
        let ConnectionSettings {
            http,
            insecure,
            trust,
        } = connecting;
        let server_name = match &trust.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.name().to_owned()).map_err(|_| {
                LoadError::NoServerName {
                    host: host.name().to_owned(),
                }
            })?,
        };
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(LoadError::Tls)?;
        let builder = match (&trust.authorities, insecure) {
            (_, true) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
            (Some(listed), false) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(listed_only(listed, provider)?)),
            (None, false) => builder.with_root_certificates(system_authorities()?),
        };
        let mut config = match trust.identity.clone() {
            Some(identity) => {
                builder.with_client_cert_resolver(identity as Arc<dyn ResolvesClientCert>)
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![protocol_name(*http).to_vec()];
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            server_name,
        })
    }
}

/// Name of the protocol in a handshake (ALPN).
pub(crate) fn protocol_name(http: HttpVersion) -> &'static [u8] {
    match http {
        HttpVersion::Http1 => b"http/1.1",
        HttpVersion::Http2 => b"h2",
    }
}

fn listed_only(
    listed: &Arc<[CertificateDer<'static>]>,
    provider: Arc<CryptoProvider>,
) -> Result<ListedCertificates, LoadError> {
    ListedCertificates::new(Arc::clone(listed), provider).map_err(LoadError::Tls)
}

fn system_authorities() -> Result<RootCertStore, LoadError> {
    let mut found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    // The store of a system may have old certificates that no library can read.
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        return Err(LoadError::NoAuthorities {
            source: found.errors.pop(),
        });
    }
    Ok(store)
}
