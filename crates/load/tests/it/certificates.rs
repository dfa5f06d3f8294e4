//! Certificates made for a test, and the ends of handshakes that show them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

/// An authority, and a folder with its certificate in `ca.pem`, where scenarios can be.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
    folder: TempDir,
}

/// A certificate and its key.
pub(crate) struct Pair {
    pub(crate) certificate: Certificate,
    pub(crate) key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "authority");
        let certificate = params.self_signed(&key).unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
            folder,
        }
    }

    /// A certificate for `name`, valid today.
    pub(crate) fn sign(&self, name: &str) -> Pair {
        self.sign_until(name, 4000)
    }

    pub(crate) fn sign_until(&self, name: &str, year: i32) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        Pair {
            certificate: params.signed_by(&key, &self.issuer).unwrap(),
            key,
        }
    }

    /// Where a file of that name is in this authority's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes `NAME.pem` and `NAME.key`.
    pub(crate) fn write(&self, name: &str, pair: &Pair) {
        let write = |extension, text| {
            std::fs::write(self.path(&format!("{name}.{extension}")), text).unwrap();
        };
        write("pem", pair.certificate.pem());
        write("key", pair.key.serialize_pem());
    }

    /// A server's end of handshakes that wants a certificate of this authority too.
    pub(crate) fn acceptor_for_known_clients(&self, pair: &Pair) -> TlsAcceptor {
        let mut known = RootCertStore::empty();
        known.add(self.certificate.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(
            Arc::new(known),
            Arc::new(default_provider()),
        );
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap());
        let (chain, key) = pair.der();
        TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()))
    }
}

impl Pair {
    /// A self-signed certificate as openssl makes it: it calls itself an authority.
    pub(crate) fn self_signed(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self {
            certificate: params.self_signed(&key).unwrap(),
            key,
        }
    }

    /// A server's end of handshakes, which offers `protocol`.
    pub(crate) fn acceptor(&self, protocol: &str) -> TlsAcceptor {
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        let (chain, key) = self.der();
        let mut config = config.with_single_cert(chain, key).unwrap();
        if !protocol.is_empty() {
            config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        }
        TlsAcceptor::from(Arc::new(config))
    }

    fn der(
        &self,
    ) -> (
        Vec<rustls::pki_types::CertificateDer<'static>>,
        PrivateKeyDer<'static>,
    ) {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        (vec![self.certificate.der().clone()], key)
    }
}

/// A scenario of one task whose `[connection]` is `connection`, with files beside `path`.
pub(crate) fn scenario_beside(
    path: &Path,
    connection: &str,
) -> Result<bakeoff_load::Scenario, String> {
    let text = format!("[connection]\n{connection}\n{}", crate::server::ONE_TASK);
    bakeoff_load::Scenario::parse(&text, path).map_err(|error| error.to_string())
}
