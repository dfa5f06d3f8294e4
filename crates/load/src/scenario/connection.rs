//! How connections are made, from the table `[connection]`.

use std::path::PathBuf;

use rustls::pki_types::ServerName;
use serde::Deserialize;
use toml::Spanned;

use super::source::Source;
use crate::ScenarioError;
use crate::target::{Connecting, HttpVersion};
use crate::tls::{self, Trust};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectionTable {
    #[serde(default)]
    http: HttpVersion,
    #[serde(default)]
    insecure: bool,
    ca_file: Option<Spanned<PathBuf>>,
    client_certificate: Option<Spanned<PathBuf>>,
    client_key: Option<Spanned<PathBuf>>,
    server_name: Option<Spanned<String>>,
}

/// Reads what the table names, relative to the folder of the scenario.
pub(super) fn build(
    source: &Source<'_>,
    table: ConnectionTable,
) -> Result<Connecting, ScenarioError> {
    let authorities = table.ca_file.map(|file| {
        tls::authorities(&source.beside(file.get_ref()))
            .map_err(|problem| source.wrong(&file.span(), &format!("`ca_file` {problem}")))
    });
    let identity = match (table.client_certificate, table.client_key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => {
            let [certificate_file, key_file] =
                [&certificate, &key].map(|file| source.beside(file.get_ref()));
            let found = tls::identity(&certificate_file, &key_file);
            Some(found.map_err(|(name, problem)| {
                let place = match name {
                    "client_key" => key.span(),
                    _ => certificate.span(),
                };
                source.wrong(&place, &format!("`{name}` {problem}"))
            })?)
        }
        (Some(certificate), None) => {
            let problem = "`client_certificate` needs its key; name the file as `client_key`";
            return Err(source.wrong(&certificate.span(), problem));
        }
        (None, Some(key)) => {
            let problem =
                "`client_key` needs its certificate; name the file as `client_certificate`";
            return Err(source.wrong(&key.span(), problem));
        }
    };
    let server_name = table.server_name.map(|name| {
        ServerName::try_from(name.get_ref().clone()).map_err(|_| {
            let problem = format!(
                "`server_name` must be a name such as \"model.internal\" or an IP address, not {:?}",
                name.get_ref()
            );
            source.wrong(&name.span(), &problem)
        })
    });
    Ok(Connecting {
        http: table.http,
        insecure: table.insecure,
        trust: Trust {
            authorities: authorities.transpose()?,
            identity,
            server_name: server_name.transpose()?,
        },
    })
}
