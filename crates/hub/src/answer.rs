//! Parsing of the hub's answers, which are not trusted: only hashes become paths, and only HTTP addresses are followed.

use serde::Deserialize;
use ureq::http::HeaderMap;
use url::Url;

use crate::error::quoted;
use crate::name::{Hash, Revision};

/// Files of a commit.
#[derive(Debug)]
pub(crate) struct Info {
    /// Commit of the revision.
    pub(crate) commit: Hash,
    /// Names of its files, as in the answer.
    pub(crate) files: Vec<String>,
}

impl Info {
    /// Parses the JSON answer about the revision `asked`.
    pub(crate) fn read(body: &[u8], asked: &Revision) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Answer {
            sha: String,
            siblings: Vec<File>,
        }
        #[derive(Deserialize)]
        struct File {
            rfilename: String,
        }
        let answer: Answer = serde_json::from_slice(body)
            .map_err(|error| format!("does not describe the model: {error}"))?;
        let commit: Hash = answer
            .sha
            .parse()
            .map_err(|what| format!("names the commit {what}"))?;
        if asked.commit().is_some_and(|asked| asked != commit) {
            let commit = commit.as_str();
            return Err(format!("names the commit {commit} for {asked}"));
        }
        let files = answer.siblings.into_iter().map(|file| file.rfilename);
        Ok(Self {
            commit,
            files: files.collect(),
        })
    }
}

/// Hash and size of a file.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) hash: Hash,
    /// Size of the file, if the answer has it.
    pub(crate) bytes: Option<u64>,
}

impl About {
    /// `true` if a redirection with these headers has the hash of the file, so that it need not be followed.
    ///
    /// Large files are on other hosts, and only the hub knows their hashes.
    pub(crate) fn is_in(headers: &HeaderMap, leads_elsewhere: bool) -> bool {
        headers.contains_key(LINKED_ETAG) || leads_elsewhere && headers.contains_key("etag")
    }

    /// Parses the headers of an answer about a file of `commit`.
    pub(crate) fn read(headers: &HeaderMap, commit: &Hash) -> Result<Self, String> {
        if let Some(other) = text(headers, "x-repo-commit")?.filter(|it| *it != commit.as_str()) {
            return Err(format!(
                "gives a file of the commit {} for one of {}",
                quoted(other),
                commit.as_str()
            ));
        }
        let etag = match text(headers, LINKED_ETAG)? {
            Some(etag) => etag,
            None => text(headers, "etag")?.ok_or("gives no hash of the file, as it has no ETag")?,
        };
        let hash = etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"');
        let hash = hash
            .parse()
            .map_err(|what| format!("gives the ETag {what}"))?;
        let length = match number(headers, "x-linked-size")? {
            Some(length) => Some(length),
            // The length of a redirection is that of its text.
            None if headers.contains_key("location") => None,
            None => number(headers, "content-length")?,
        };
        Ok(Self {
            hash,
            bytes: length,
        })
    }
}

const LINKED_ETAG: &str = "x-linked-etag";

/// Part of a file in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// Offset of its first byte.
    pub(crate) start: u64,
    /// Size of the whole file, if the answer has it.
    pub(crate) total: Option<u64>,
}

impl Part {
    /// Parses the headers of an answer with a part of a file (status 206) or with the whole file.
    pub(crate) fn read(headers: &HeaderMap, is_partial: bool) -> Result<Self, String> {
        if !is_partial {
            let total = number(headers, "content-length")?;
            return Ok(Self { start: 0, total });
        }
        let range = text(headers, "content-range")?.unwrap_or_default();
        let nonsense = || format!("gives a part of a file that is {}", quoted(range));
        let (part, total) = range
            .strip_prefix("bytes ")
            .and_then(|range| range.split_once('/'))
            .ok_or_else(nonsense)?;
        let (start, end) = part.split_once('-').ok_or_else(nonsense)?;
        let (start, end) = match (start.parse::<u64>(), end.parse::<u64>()) {
            (Ok(start), Ok(end)) if start <= end => (start, end),
            _ => return Err(nonsense()),
        };
        let total = match total {
            "*" => None,
            total => Some(total.parse().map_err(|_| nonsense())?),
        };
        if total.is_some_and(|total: u64| end >= total) {
            return Err(nonsense());
        }
        Ok(Self { start, total })
    }
}

/// Target of a redirection of `from`.
pub(crate) fn redirected(from: &Url, headers: &HeaderMap) -> Result<Url, String> {
    let location = text(headers, "location")?.ok_or("redirects to nowhere")?;
    let mut to = from
        .join(location)
        .map_err(|error| format!("redirects to {}: {error}", quoted(location)))?;
    let is_safe = match to.scheme() {
        "https" => true,
        "http" => from.scheme() == "http",
        _ => false,
    };
    if !is_safe {
        let scheme = to.scheme();
        return Err(format!("redirects from {} to {scheme}", from.scheme()));
    }
    // A redirection must not set a user and a password for another host.
    if to.set_username("").is_err() || to.set_password(None).is_err() {
        return Err(format!("redirects to {}", quoted(location)));
    }
    Ok(to)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, String> {
    let value = headers.get(name).map(|value| value.to_str());
    value
        .transpose()
        .map_err(|_| format!("has a header {name} that is no text"))
}

fn number(headers: &HeaderMap, name: &str) -> Result<Option<u64>, String> {
    let value = text(headers, name)?.map(|value| {
        value
            .parse()
            .map_err(|_| format!("has a header {name} that is {}", quoted(value)))
    });
    value.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_lead_to_addresses_no_less_safe() {
        let from = Url::parse("https://hub.test/ada/tiny").unwrap();
        for (location, to) in [
            ("/other", Some("https://hub.test/other")),
            ("//cdn.test/x?y", Some("https://cdn.test/x?y")),
            ("https://me:password@cdn.test/", Some("https://cdn.test/")),
            ("http://hub.test/", None),
            ("file:///etc/passwd", None),
            ("https://", None),
        ] {
            let headers = [("location".parse().unwrap(), location.parse().unwrap())];
            let found = redirected(&from, &HeaderMap::from_iter(headers)).ok();
            assert_eq!(found.as_ref().map(Url::as_str), to, "{location}");
        }
        assert!(redirected(&from, &HeaderMap::new()).is_err());
    }
}
