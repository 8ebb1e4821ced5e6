//! The key and the URL of a client, checked before anything is written or sent.

use crate::base::network::is_loopback_http;
use crate::base::text::trim_pasted;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use std::str::FromStr;

const KEY_LENGTH: std::ops::RangeInclusive<usize> = 8..=512;
/// The ends of a shorter key body are not shown: they would be half of it.
const MIN_SHOWN_LENGTH: usize = 16;
const SHOWN: usize = 3;

/// An API key with any prefix, since only the server knows its own prefix. `Debug` shows nothing.
#[derive(Clone, Debug)]
pub struct ClientKey(SecretString);

impl ClientKey {
    /// Returns the text, for the request and the file.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns the part that may be shown: `sk_live_abc...xyz`.
    pub fn preview(&self) -> String {
        let text = self.expose();
        let (prefix, body) = text.split_at(text.rfind('_').map_or(0, |place| place + 1));
        if body.len() < MIN_SHOWN_LENGTH || prefix.len() > MIN_SHOWN_LENGTH {
            return "(not shown)".to_owned();
        }
        format!("{prefix}{}...{}", &body[..SHOWN], &body[body.len() - SHOWN..])
    }
}

impl FromStr for ClientKey {
    type Err = String;

    /// The error does not repeat the text.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = trim_pasted(text);
        if !KEY_LENGTH.contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let (least, most) = (KEY_LENGTH.start(), KEY_LENGTH.end());
            return Err(format!("an API key has {least} to {most} visible ASCII characters and no space"));
        }
        Ok(Self(text.into()))
    }
}

/// The API's URL with its base path: `https://api.example.com/v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// The URL of `keyward demo`.
    pub const DEFAULT: &'static str = "http://127.0.0.1:8080/v1";

    /// Returns the URL of a path under the base. Each segment is encoded.
    pub fn join(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Returns the URL without a slash at the end.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Returns whether the URL leads to this machine without TLS, so that it needs neither a certificate nor a proxy.
    pub fn is_loopback(&self) -> bool {
        is_loopback_http(self.as_str())
    }

    /// Returns whether keys cross a network unencrypted.
    pub fn is_in_the_clear(&self) -> bool {
        self.0.scheme() == "http" && !self.is_loopback()
    }

    /// Returns whether the URL ends with the host, and so probably lacks the base path.
    pub fn has_no_path(&self) -> bool {
        self.0.path() == "/"
    }
}

impl FromStr for BaseUrl {
    type Err = String;

    /// The error does not repeat the text: it may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).ok().filter(|url| {
            ["http", "https"].contains(&url.scheme())
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        url.map(Self).ok_or_else(|| {
            "must be an http or https URL with the base path and nothing after it, such as https://api.example.com/v1"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_shows_the_prefix_and_three_characters_at_each_end() {
        let preview = |text: &str| text.parse::<ClientKey>().unwrap().preview();
        assert_eq!(preview("sk_live_abcdefghijklmnopqrstuvwxyz"), "sk_live_abc...xyz");
        assert_eq!(preview("abcdefghijklmnopqrstuvwxyz"), "abc...xyz");
        for text in ["sk_live_abcdef", "abcdefgh", "abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrst"] {
            assert_eq!(preview(text), "(not shown)", "{text}");
        }
    }

    #[test]
    fn a_malformed_key_is_refused_without_being_repeated() {
        for text in ["", "short", "sk_live_with space", "sk_live_\nline", "sk_live_ümlaut", &"a".repeat(513)] {
            let error = text.parse::<ClientKey>().map(|_| ()).unwrap_err();
            assert!(error.contains("visible ASCII") && (text.is_empty() || !error.contains(text)), "{text}: {error}");
        }
        assert!(!format!("{:?}", "sk_live_secret".parse::<ClientKey>()).contains("secret"));
    }

    #[test]
    fn paths_are_joined_to_the_base_path_and_encoded() {
        let url = |base: &str| base.parse::<BaseUrl>().unwrap().join(&["forms", "a/b?c"], &[("q", "x&y")]).to_string();
        assert_eq!(url("https://api.example.com/v1"), "https://api.example.com/v1/forms/a%2Fb%3Fc?q=x%26y");
        assert_eq!(url("http://localhost:1/api/v1/"), "http://localhost:1/api/v1/forms/a%2Fb%3Fc?q=x%26y");
    }

    #[test]
    fn only_plain_addresses_are_base_urls() {
        for text in
            ["api.example.com", "ftp://a/v1", "https://a:b@c/v1", "https://a/v1?b", "https://a/v1#b", "https://"]
        {
            assert!(text.parse::<BaseUrl>().is_err(), "{text}");
        }
        let is = |text: &str| text.parse::<BaseUrl>().unwrap();
        assert!(is("http://127.0.0.1:8080/v1").is_loopback() && !is("http://127.0.0.1:8080/v1").is_in_the_clear());
        assert!(is("http://keyward/v1").is_in_the_clear() && !is("https://keyward/v1").is_in_the_clear());
        assert!(is("https://keyward").has_no_path() && !is("https://keyward/v1").has_no_path());
    }
}
