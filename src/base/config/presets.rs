//! Presets: configuration that ships in the binary and makes Keyward speak one product's documented contract.

/// A named layer of configuration.
#[derive(Debug)]
pub struct Preset {
    /// The value of `preset = "…"`.
    pub name: &'static str,
    /// TOML.
    pub text: &'static str,
}

pub const PRESETS: &[Preset] = &[
    Preset { name: "siteplot", text: include_str!("../../../config/presets/siteplot.toml") },
    Preset { name: "socifyr", text: include_str!("../../../config/presets/socifyr.toml") },
    Preset { name: "soku", text: include_str!("../../../config/presets/soku.toml") },
    Preset { name: "sotion", text: include_str!("../../../config/presets/sotion.toml") },
];

pub(super) fn find(name: &str) -> Result<&'static Preset, String> {
    PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
        let known: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        format!("preset: {name:?} is not one of: {}", known.join(", "))
    })
}
