//! Where the pages of mailed links may lead: to addresses that the configuration names, so that no crafted link leads a
//! person elsewhere.

use super::Config;
use reqwest::Url;

/// The longest address, in bytes.
const MOST_BYTES: usize = 2048;

impl Config {
    /// Returns the address in its normal form; `None` unless its origin is that of `identity.sign_in_url` or one of
    /// `server.cors_origins`.
    pub fn trusted_page(&self, address: &str) -> Option<String> {
        let url = web_page(address)?;
        let origin = url.origin();
        let sign_in = self.identity.sign_in_url.as_deref().and_then(web_page);
        let is_trusted = sign_in.is_some_and(|sign_in| sign_in.origin() == origin)
            || self.server.allows_origin(origin.ascii_serialization().as_bytes());
        is_trusted.then(|| url.into())
    }
}

/// Parses an address of the web: http or https, without a user's name and password.
pub(super) fn web_page(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok().filter(|_| address.len() <= MOST_BYTES)?;
    let is_web = ["http", "https"].contains(&url.scheme()) && url.has_host();
    (is_web && url.username().is_empty() && url.password().is_none()).then_some(url)
}

#[cfg(test)]
mod tests {
    use crate::base::config::{Sources, load};

    #[test]
    fn only_pages_of_configured_origins_are_trusted() {
        let mut config = load(&Sources::default()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.trusted_page("https://app.example.com/"), None);
        config.identity.sign_in_url = Some("https://app.example.com/sign-in".into());
        config.server.cors_origins = vec!["https://*.admin.example.com".into(), "http://localhost:3000".into()];
        for (address, normal) in [
            ("https://app.example.com", "https://app.example.com/"),
            ("https://app.example.com:443/a?b=c#d", "https://app.example.com/a?b=c#d"),
            ("HTTPS://App.Example.com/a", "https://app.example.com/a"),
            ("https://x.admin.example.com/\"><b>", "https://x.admin.example.com/%22%3E%3Cb%3E"),
            ("http://localhost:3000/done", "http://localhost:3000/done"),
        ] {
            assert_eq!(config.trusted_page(address).as_deref(), Some(normal), "{address}");
        }
        for address in [
            "",
            "/",
            "//app.example.com",
            "app.example.com",
            "http://app.example.com/",
            "https://app.example.com:8443/",
            "https://app.example.com.evil.example/",
            "https://app.example.com@evil.example/",
            "https://user@app.example.com/",
            "https://:secret@app.example.com/",
            "https://evil.example/?https://app.example.com",
            "https://evil.example\\@app.example.com/",
            "https://admin.example.com/",
            "javascript:alert(1)//https://app.example.com",
            "data:text/html,https://app.example.com",
            &format!("https://app.example.com/{}", "a".repeat(2048)),
        ] {
            assert_eq!(config.trusted_page(address), None, "{address}");
        }
    }
}
