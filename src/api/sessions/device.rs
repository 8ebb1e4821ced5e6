//! [`device_of`]: a short name for a client, such as `Firefox on Windows`.

/// Browsers by a mark in `User-Agent`. Of two that fit, the first counts, since browsers also claim to be others.
const BROWSERS: [(&str, &str); 10] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("Trident/", "Internet Explorer"),
];

/// Systems by a mark in `User-Agent`, in the order of precedence.
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// Returns the browser and the system that a `User-Agent` claims; for another client the name of its first product, such
/// as `curl`.
pub(super) fn device_of(user_agent: &str) -> Option<String> {
    let first = |marks: &[(&str, &'static str)]| {
        marks.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    match (first(&BROWSERS), first(&SYSTEMS)) {
        (Some(browser), Some(system)) => Some(format!("{browser} on {system}")),
        (Some(name), None) => Some(name.to_owned()),
        (None, system) => {
            let product = user_agent.split(['/', ' ']).next().filter(|name| !name.is_empty() && *name != "Mozilla");
            product.or(system).map(str::to_owned)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_named_with_its_system_and_another_client_by_its_product() {
        let chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
        for (user_agent, device) in [
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {chrome}"), Some("Chrome on Windows")),
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {chrome} Edg/142.0.0.0"), Some("Edge on Windows")),
            (format!("Mozilla/5.0 (Linux; Android 10; K) {chrome}"), Some("Chrome on Android")),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0".into(), Some("Firefox on Linux")),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 Version/26.0 Safari/604.1"
                    .into(),
                Some("Safari on iPhone"),
            ),
            ("curl/8.14.1".into(), Some("curl")),
            ("Mozilla/5.0 (compatible)".into(), None),
            (" ".into(), None),
            (String::new(), None),
        ] {
            assert_eq!(device_of(&user_agent).as_deref(), device, "{user_agent}");
        }
    }
}
