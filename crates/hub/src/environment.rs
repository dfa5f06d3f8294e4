//! The variables that `huggingface_hub` reads.

use std::path::PathBuf;

use crate::Hub;

const HUB: &str = "https://huggingface.co";

/// The hub by `variable`, which gives a variable's value.
pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Hub {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let home = variable("HF_HOME").map_or_else(
        || {
            let cache = variable("XDG_CACHE_HOME").map(PathBuf::from);
            let cache = cache.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache")));
            cache.unwrap_or_default().join("huggingface")
        },
        PathBuf::from,
    );
    let cache = variable("HF_HUB_CACHE").map(PathBuf::from);
    let token = variable("HF_TOKEN").or_else(|| {
        let path = variable("HF_TOKEN_PATH").map(PathBuf::from);
        std::fs::read_to_string(path.unwrap_or_else(|| home.join("token"))).ok()
    });
    let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| HUB.to_owned());
    Hub {
        cache: cache.unwrap_or_else(|| home.join("hub")),
        endpoint: endpoint.trim_end_matches('/').to_owned(),
        token: token
            .map(|token| token.trim().to_owned())
            .filter(|token| !token.is_empty()),
        offline: variable("HF_HUB_OFFLINE").is_some_and(|value| {
            ["1", "on", "yes", "true"].contains(&value.to_ascii_lowercase().as_str())
        }),
    }
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
}
