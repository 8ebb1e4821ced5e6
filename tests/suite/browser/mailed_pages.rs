//! The pages of mailed links on narrow and wide screens, in light and in dark.

use super::run;
use crate::invitations::mails::{start, token_in};
use crate::support::{Backend, Tenant, tests};
use serde_json::{Value, json};

tests![the_card_keeps_off_the_edges_in_light_and_dark];

/// The relative luminance of a CSS color `rgb(…)`, as WCAG 2.2 defines it.
fn luminance(color: &str) -> f64 {
    let numbers = color.trim_start_matches("rgb(").trim_end_matches(')').split(", ");
    let channels = numbers.map(|number| number.parse::<f64>().expect("a number") / 255.0);
    let linear = channels.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
    linear.zip([0.2126, 0.7152, 0.0722]).map(|(channel, weight)| channel * weight).sum()
}

async fn the_card_keeps_off_the_edges_in_light_and_dark(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    let rename = server.patch(&tenant.organization_path("")).bearer(&tenant.owner.id_token);
    rename.json(json!({ "name": "Donaudampfschifffahrtsgesellschaftskapitän".repeat(2) })).send().await.expect(200);
    tenant.invite("grace@example.com", "member", &[]).await;
    let token = token_in(&smtp.mail(1).await);
    for path in [&*format!("/__/auth/invitation?token={token}"), "/__/auth/invitation", "/__/auth/reset"] {
        let look = async |width: u32, scheme: &str| -> Value {
            let input = json!({ "url": server.url(path), "width": width, "scheme": scheme, "card": "main" });
            run("layout.mjs", input).await
        };
        for (width, scheme) in [(390, "light"), (390, "dark"), (1280, "light")] {
            let seen = look(width, scheme).await;
            assert_eq!(seen["page"]["scroll"], width, "it scrolls sideways: {path} {seen}");
            for side in ["left", "right", "top"] {
                assert!(seen["card"][side].as_f64().is_some_and(|space| space >= 12.0), "{path} {side} {seen}");
            }
            let color = |name: &str| luminance(seen["colors"][name].as_str().expect("a color"));
            let (text, page) = (color("text"), color("background"));
            assert_eq!(text > page, scheme == "dark", "{path} {seen}");
            let contrast = (text.max(page) + 0.05) / (text.min(page) + 0.05);
            assert!(contrast >= 7.0, "{path} {scheme}: {contrast}");
        }
    }
}
