//! Environment variables of `huggingface_hub`.

use std::path::PathBuf;
use std::time::Duration;

use crate::Hub;

const HUB: &str = "https://huggingface.co";

/// Timeout without `HF_HUB_DOWNLOAD_TIMEOUT`.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Hub of the environment. `variable` returns the value of a variable; empty values count as unset.
pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Hub {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let path = |name: &str| Some(expanded(&variable(name)?, &variable));
    let home = path("HF_HOME").unwrap_or_else(|| {
        let cache = path("XDG_CACHE_HOME");
        let cache = cache.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache")));
        cache.unwrap_or_default().join("huggingface")
    });
    let cache = path("HF_HUB_CACHE").or_else(|| path("HUGGINGFACE_HUB_CACHE"));
    let token = variable("HF_TOKEN").or_else(|| variable("HUGGING_FACE_HUB_TOKEN"));
    let token = token.or_else(|| {
        let path = path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
        std::fs::read_to_string(path).ok()
    });
    let offline = variable("HF_HUB_OFFLINE").or_else(|| variable("TRANSFORMERS_OFFLINE"));
    let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| HUB.to_owned());
    let timeout = variable("HF_HUB_DOWNLOAD_TIMEOUT").and_then(|seconds| seconds.parse().ok());
    Hub {
        cache: cache.unwrap_or_else(|| home.join("hub")),
        endpoint: endpoint.trim_end_matches('/').to_owned(),
        token: token
            .map(|token| token.trim().to_owned())
            .filter(|token| !token.is_empty()),
        offline: offline.is_some_and(|value| {
            ["1", "on", "yes", "true"].contains(&value.to_ascii_lowercase().as_str())
        }),
        timeout: timeout
            .filter(|seconds| *seconds > 0)
            .map_or(TIMEOUT, Duration::from_secs),
    }
}

/// Expands `~` at the start of a path, and `$NAME` and `${NAME}` in it. Unknown names stay as they are.
fn expanded(path: &str, variable: &impl Fn(&str) -> Option<String>) -> PathBuf {
    let home = match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => variable("HOME"),
        _ => None,
    };
    let mut rest = path;
    let mut full = String::new();
    if let Some(home) = home {
        full.push_str(home.trim_end_matches('/'));
        rest = &path[1..];
    }
    while let Some((before, after)) = rest.split_once('$') {
        full.push_str(before);
        let (name, behind) = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}').unwrap_or(("", after)),
            None => after.split_at(
                after
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(after.len()),
            ),
        };
        if let Some(value) = variable(name) {
            full.push_str(&value);
            rest = behind;
        } else {
            full.push('$');
            rest = after;
        }
    }
    PathBuf::from(full + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(variables: &[(&str, &str)]) -> Hub {
        read(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn places_and_the_token_are_those_of_huggingface_hub() {
        let plain = hub(&[("HOME", "/home/ada")]);
        assert_eq!(
            plain.cache,
            PathBuf::from("/home/ada/.cache/huggingface/hub")
        );
        assert_eq!(
            (plain.endpoint.as_str(), plain.token, plain.offline),
            (HUB, None, false)
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "stored\n").unwrap();
        let home = folder.path().to_str().unwrap();
        let set = hub(&[
            ("HF_HOME", home),
            ("HF_ENDPOINT", "http://a/"),
            ("HF_HUB_OFFLINE", "True"),
        ]);
        assert_eq!(set.cache, folder.path().join("hub"));
        assert_eq!(set.token.as_deref(), Some("stored"));
        assert_eq!((set.endpoint.as_str(), set.offline), ("http://a", true));
        let more = hub(&[
            ("HF_HOME", home),
            ("HF_HUB_CACHE", "/c"),
            ("HF_TOKEN", "own"),
            ("HF_HUB_OFFLINE", "0"),
        ]);
        assert_eq!((more.cache, more.offline), (PathBuf::from("/c"), false));
        assert_eq!(more.token.as_deref(), Some("own"));
    }

    #[test]
    fn timeout_is_a_positive_number_of_seconds() {
        for (value, seconds) in [("5", 5), ("", 30), ("0", 30), ("soon", 30), ("-1", 30)] {
            let set = hub(&[("HF_HUB_DOWNLOAD_TIMEOUT", value)]);
            assert_eq!(set.timeout, Duration::from_secs(seconds), "{value}");
        }
    }

    /// By `huggingface_hub` 0.36.
    #[test]
    fn older_names_and_places_in_short_form_are_read() {
        let cache = |variables: &[(&str, &str)]| hub(variables).cache.display().to_string();
        let home = ("HOME", "/home/ada");
        assert_eq!(cache(&[home, ("HUGGINGFACE_HUB_CACHE", "/old")]), "/old");
        let both = [
            home,
            ("HUGGINGFACE_HUB_CACHE", "/old"),
            ("HF_HUB_CACHE", "/new"),
        ];
        assert_eq!(cache(&both), "/new");
        assert_eq!(cache(&[home, ("HF_HOME", "~/hf")]), "/home/ada/hf/hub");
        assert_eq!(cache(&[home, ("HF_HOME", "~")]), "/home/ada/hub");
        assert_eq!(cache(&[home, ("HF_HOME", "~bob/hf")]), "~bob/hf/hub");
        assert_eq!(
            cache(&[home, ("XDG_CACHE_HOME", "~/c")]),
            "/home/ada/c/huggingface/hub"
        );
        let disk = [
            home,
            ("DISK", "/disk"),
            ("HF_HUB_CACHE", "$DISK/a/${DISK}/$NONE/${"),
        ];
        assert_eq!(cache(&disk), "/disk/a//disk/$NONE/${");
        let older = hub(&[
            home,
            ("HUGGING_FACE_HUB_TOKEN", "old"),
            ("TRANSFORMERS_OFFLINE", "1"),
        ]);
        assert_eq!((older.token.as_deref(), older.offline), (Some("old"), true));
        assert_eq!(
            cache(&[home, ("HF_HOME", ""), ("HF_HUB_CACHE", "")]),
            "/home/ada/.cache/huggingface/hub"
        );
    }
}
