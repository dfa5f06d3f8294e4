//! Certificates and keys from PEM files, checked when the scenario is read.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys, RootCertStore};

/// Certificates in the file at `path` that can be trusted.
pub(crate) fn authorities(path: &Path) -> Result<Arc<[CertificateDer<'static>]>, String> {
    let certificates = certificates(path)?;
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        let added = store.add(certificate.clone());
        added.map_err(|error| format!("has a certificate that cannot be used: {error}"))?;
    }
    Ok(certificates.into())
}

/// Identity from the certificates at `certificate` and the key at `key`. Errors begin with the key of the scenario.
pub(crate) fn identity(
    certificate: &Path,
    key: &Path,
) -> Result<Arc<SingleCertAndKey>, (&'static str, String)> {
    const CERTIFICATE: &str = "client_certificate";
    const KEY: &str = "client_key";
    let certificates = certificates(certificate).map_err(|problem| (CERTIFICATE, problem))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| {
        let problem = match error {
            pem::Error::NoItemsFound => no_key(key),
            error => unreadable(key, error),
        };
        (KEY, problem)
    })?;
    let provider = ring::default_provider();
    let pair = CertifiedKey::from_der(certificates, private, &provider);
    pair.map(|pair| Arc::new(SingleCertAndKey::from(pair)))
        .map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => (
                KEY,
                format!(
                    "{} is not the key of the certificate in {}; name the two that belong together",
                    key.display(),
                    certificate.display()
                ),
            ),
            Error::InvalidCertificate(error) => (
                CERTIFICATE,
                format!(
                    "{} has a certificate that cannot be used: {error}",
                    certificate.display()
                ),
            ),
            error => (
                KEY,
                format!("{} has a key that cannot be used: {error}", key.display()),
            ),
        })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match found {
        Ok(found) if found.is_empty() => Err(format!(
            "{} has no certificate; it needs a PEM file with -----BEGIN CERTIFICATE-----",
            path.display()
        )),
        Ok(found) => Ok(found),
        Err(error) => Err(unreadable(path, error)),
    }
}

fn no_key(path: &Path) -> String {
    format!(
        "{} has no private key; it needs a PEM file with -----BEGIN PRIVATE KEY-----, and no password",
        path.display()
    )
}

fn unreadable(path: &Path, error: pem::Error) -> String {
    match error {
        pem::Error::Io(error) => format!("cannot read {}: {error}", path.display()),
        error => format!("{} is no PEM file: {error}", path.display()),
    }
}
