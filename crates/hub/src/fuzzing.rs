//! Fuzz target of this crate. It panics if, and only if, a check fails.
//!
//! A test runs it on the files that earlier fuzzing found.

use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use ureq::http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::answer::{About, Info, Part, redirected};
use crate::cache::Cache;
use crate::client::Client;
use crate::name::{Hash, ModelName, Revision};
use crate::wanted::{Form, Wanted, shards_in};
use crate::{Hub, MAIN};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Parses `data` as an answer of a hub: lines with headers and, after the first NUL, a body, both as the description of a model and as
/// the index of its weights. A line without a colon is a revision.
///
/// # Panics
/// If a path leaves the cache, the token would be sent to another host, or the commit is not the requested one.
pub fn hub_answer(data: &[u8]) {
    let mut parts = data.splitn(2, |&byte| byte == 0);
    let head = parts.next().unwrap_or_default();
    let body = parts.next().unwrap_or_default();
    let mut headers = HeaderMap::new();
    let mut revisions = vec![MAIN.to_owned(), COMMIT.to_owned()];
    for line in head.split(|&byte| byte == b'\n') {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            revisions.extend(String::from_utf8(line.to_vec()));
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    check_headers(&headers);
    for revision in revisions {
        if let Ok(revision) = revision.parse() {
            check_body(body, &revision);
        }
    }
}

fn cache() -> (PathBuf, Cache, ModelName) {
    let model: ModelName = "ada/tiny".parse().expect("it is a name");
    let root = PathBuf::from("/cache");
    (root.clone(), Cache::of(&root, &model), model)
}

/// Panics if `path` is not below `root`.
fn assert_below(root: &Path, path: &Path) {
    let inside = path.strip_prefix(root).expect("the cache is left");
    let is_name = |part| matches!(part, Component::Normal(_));
    assert!(inside.components().all(is_name), "{}", path.display());
    assert!(!path.to_string_lossy().contains('\0'), "a path with a NUL");
}

fn check_headers(headers: &HeaderMap) {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    let (root, cache, _) = cache();
    let client = CLIENT.get_or_init(|| {
        let hub = Hub {
            cache: root.clone(),
            endpoint: "https://hub.test/mirror".to_owned(),
            token: Some("secret".to_owned()),
            offline: false,
            timeout: Duration::from_secs(1),
        };
        Client::of(&hub).expect("the settings are right")
    });
    let commit: Hash = COMMIT.parse().expect("it is a hash");
    if let Ok(about) = About::read(headers, &commit) {
        assert_below(
            &root.join("models--ada--tiny/blobs"),
            &cache.blob(&about.hash),
        );
        assert_ne!(cache.blob(&about.hash), cache.incomplete(&about.hash));
    }
    for is_partial in [true, false] {
        if let Ok(Part { start, total }) = Part::read(headers, is_partial) {
            assert!(total.is_none_or(|total| start < total || start == 0));
        }
    }
    let from = Url::parse("https://hub.test/mirror/ada/tiny").expect("it is a URL");
    if let Ok(to) = redirected(&from, headers) {
        assert_eq!(to.scheme(), "https");
        let is_hub = to.host_str() == Some("hub.test") && to.port_or_known_default() == Some(443);
        assert_eq!(client.token_for(&to).is_some(), is_hub, "{to}");
        assert!(to.username().is_empty() && to.password().is_none(), "{to}");
    }
}

fn check_body(body: &[u8], revision: &Revision) {
    let (root, cache, model) = cache();
    let of_model = root.join("models--ada--tiny");
    assert_below(&of_model.join("refs"), &cache.reference(revision));
    if let Ok(shards) = shards_in(body) {
        for shard in shards {
            assert_below(&root, &root.join(shard));
        }
    }
    let Ok(info) = Info::read(body, revision) else {
        return;
    };
    if let Some(asked) = revision.commit() {
        assert_eq!(info.commit, asked);
    }
    let snapshot = cache.snapshot(&info.commit);
    assert_below(&of_model.join("snapshots"), &snapshot);
    let Ok(mut wanted) = Wanted::of(&info.files, &model) else {
        return;
    };
    for form in [Form::SafetensorsFirst, Form::OnnxFirst] {
        wanted.prefer(form, &info.files);
        let files = wanted.small.iter().chain(&wanted.weights);
        for file in files.chain(&wanted.index) {
            assert_below(&snapshot, &snapshot.join(file));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn saved_answers_do_no_harm() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/hub_answer");
        let entries = fs::read_dir(&folder).unwrap();
        let files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for file in files {
            // On a failure, the last line names the file.
            println!("{}", file.display());
            hub_answer(&fs::read(&file).unwrap());
        }
    }
}
