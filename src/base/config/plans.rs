//! `[plans.NAME]`: the limits of a plan.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// `[plans.NAME]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The sustained rate of one key, in requests a minute.
    pub requests_per_minute: u32,
    /// The most requests of one key at once.
    pub burst: u32,
    /// The sustained rate of all keys of a workspace together, in requests a minute; `None`: five times one key's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_requests_per_minute: Option<u32>,
    /// The most requests of a workspace at once; `None`: five times one key's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_burst: Option<u32>,
    /// The most active keys in a workspace.
    pub max_active_keys: u32,
    /// Its place among the plans: of several paid ones the highest counts. `None` only before [`rank`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
}

impl Plan {
    /// A plan without active keys.
    pub(super) const CLOSED: Self = Self {
        requests_per_minute: 1,
        burst: 1,
        workspace_requests_per_minute: None,
        workspace_burst: None,
        max_active_keys: 0,
        rank: None,
    };
    /// The default limits of a workspace, as a multiple of one key's.
    const KEYS_IN_A_WORKSPACE: u32 = 5;
    /// One million requests a second.
    const MAX_RATE: u32 = 60_000_000;
    const MAX_BURST: u32 = 10_000_000;

    /// Returns the requests a minute and the burst of all keys of a workspace together.
    pub fn workspace_limit(&self) -> (u32, u32) {
        let several = |of_a_key: u32| of_a_key.saturating_mul(Self::KEYS_IN_A_WORKSPACE);
        (
            self.workspace_requests_per_minute.unwrap_or_else(|| several(self.requests_per_minute)),
            self.workspace_burst.unwrap_or_else(|| several(self.burst)),
        )
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let (workspace_rate, workspace_burst) = self.workspace_limit();
        for (name, value, most) in
            [("requests_per_minute", self.requests_per_minute, Self::MAX_RATE), ("burst", self.burst, Self::MAX_BURST)]
        {
            if !(1..=most).contains(&value) {
                return Err(format!("{name}: {value} must be 1 to {most}"));
            }
        }
        for (name, value, of_a_key) in [
            ("workspace_requests_per_minute", workspace_rate, self.requests_per_minute),
            ("workspace_burst", workspace_burst, self.burst),
        ] {
            if value < of_a_key {
                return Err(format!("{name}: {value} must not be below what one key may do, {of_a_key}"));
            }
        }
        Ok(())
    }
}

/// Gives each plan without a rank its place, from the least to the best. `layers` are texts in TOML, later ones win: a
/// plan stands where the last layer that names it has it, behind those that this layer does not name. Plans that no text
/// names, such as those of the environment, come last, by name.
pub(super) fn rank(plans: &mut BTreeMap<String, Plan>, layers: &[&str]) {
    let mut order: Vec<String> = Vec::new();
    for layer in layers {
        let named = named_in_order(layer);
        order.retain(|name| !named.contains(name));
        order.extend(named);
    }
    order.retain(|name| plans.contains_key(name));
    let unnamed: Vec<String> = plans.keys().filter(|name| !order.contains(name)).cloned().collect();
    for (place, name) in (0..).zip(order.into_iter().chain(unnamed)) {
        if let Some(plan) = plans.get_mut(&name) {
            plan.rank.get_or_insert(place);
        }
    }
}

/// Returns the plans of a text in TOML, in the order of their first mention. A text with an error has none; the layer
/// that it belongs to reports it.
fn named_in_order(text: &str) -> Vec<String> {
    let Ok(document) = DeTable::parse(text) else { return Vec::new() };
    let Some(DeValue::Table(plans)) = document.get_ref().get("plans").map(|value| value.get_ref()) else {
        return Vec::new();
    };
    let mut named: Vec<(usize, String)> =
        plans.keys().map(|name| (name.span().start, name.get_ref().to_string())).collect();
    named.sort_unstable();
    named.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(layers: &[&str], more: &[(&str, Option<u32>)]) -> Vec<String> {
        let names = layers.iter().flat_map(|layer| named_in_order(layer)).map(|name| (name, None));
        let more = more.iter().map(|(name, rank)| ((*name).to_owned(), *rank));
        let plan = |rank| Plan { rank, ..Plan::CLOSED };
        let mut plans: BTreeMap<String, Plan> = names.chain(more).map(|(name, rank)| (name, plan(rank))).collect();
        rank(&mut plans, layers);
        let mut ranked: Vec<_> = plans.into_iter().map(|(name, plan)| (plan.rank, name)).collect();
        ranked.sort();
        ranked.into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn plans_rank_in_the_order_of_the_last_text_that_names_them() {
        const DEFAULTS: &str = "[plans.free]\n[plans.pro]\nburst = 1\n";
        assert_eq!(order(&[DEFAULTS], &[]), ["free", "pro"]);
        assert_eq!(order(&[DEFAULTS, "[plans.zest]\n[plans.ample]"], &[]), ["free", "pro", "zest", "ample"]);
        assert_eq!(order(&[DEFAULTS, "[plans.\"a b\"]\n[plans.pro]\n"], &[]), ["free", "a b", "pro"]);
        assert_eq!(order(&[DEFAULTS, "plans = { team = {}, basic = {} }"], &[]), ["free", "pro", "team", "basic"]);
        assert_eq!(order(&[DEFAULTS, "plans ="], &[("b", None), ("a", None)]), ["free", "pro", "a", "b"]);
        assert_eq!(order(&[DEFAULTS], &[("least", Some(0)), ("best", Some(9))]), ["free", "least", "pro", "best"]);
    }
}
