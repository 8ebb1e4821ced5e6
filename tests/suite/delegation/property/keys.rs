//! Steps about keys: created, rolled, changed and transferred, by people and by keys.

use super::super::model::{Key, ORGANIZATION_ADMIN, Person, Rank};
use super::{BLOCKS, Plaintext, RANKS, Run};
use keyward::base::time::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

impl Run<'_> {
    /// Random limits of a key, and the fields that ask for them.
    fn limits(&mut self) -> Value {
        let mut body = json!({});
        if self.random.below(2) == 0 {
            let days = 1 + self.random.below(3);
            let end = self.server.clock.now().plus(Duration::from_secs(days * 86_400));
            body["expiresAt"] = json!(end.to_string());
        }
        if self.random.below(2) == 0 {
            body["allowedIps"] = json!(BLOCKS[self.random.index(BLOCKS.len())]);
        }
        body
    }

    /// The key of an answer, with a cap.
    fn key_of(&self, answer: &Value, cap: Rank) -> Key {
        let ends_at =
            answer["expiresAt"].as_str().map_or(i64::MAX, |end| end.parse::<Timestamp>().expect("a time").seconds());
        let narrowness = BLOCKS.iter().position(|blocks| answer["allowedIps"] == json!(blocks)).expect("known blocks");
        let creator = self.people.iter().position(|person| answer["createdBy"] == person.user_id.as_str());
        let (creator, narrowness) = (creator.expect("a person"), narrowness as u8);
        Key { creator, cap, writes: answer["scope"] == "full", ends_at, narrowness, is_orphaned: false }
    }

    pub(super) fn place_of(&self, id: &str) -> usize {
        self.ids.iter().position(|known| known == id).expect("a known key")
    }

    pub(super) fn add_value(&mut self, key: usize, plaintext: &Value) {
        let text = plaintext.as_str().expect("a value").to_owned();
        self.values.iter_mut().filter(|value| value.key == key).for_each(|value| value.is_dead = true);
        self.values.push(Plaintext { key, text, is_dead: false });
    }

    /// The most that a key's value has had: what the model keeps where authority is taken from its creator.
    pub(super) fn had(&self, place: usize) -> Rank {
        let key = &self.model.keys[place];
        if key.is_orphaned {
            return key.cap;
        }
        let creator = Person { is_disabled: false, ..self.model.people[key.creator] };
        creator.in_organization.max(creator.in_workspace).min(ORGANIZATION_ADMIN).min(key.cap)
    }

    /// Follows a transfer: a kept key keeps what it had, a rolled one has what the caller may give.
    pub(super) fn hand_over(&mut self, id: &str, heir: usize, mode: &str, actor: Option<usize>, most: Rank) {
        let place = self.place_of(id);
        let had = self.had(place);
        let cap = match (mode, actor) {
            ("keep", _) => had,
            (_, Some(actor)) => self.model.keys[actor].cap,
            (_, None) => most,
        };
        let key = &mut self.model.keys[place];
        (key.creator, key.cap, key.is_orphaned) = (heir, cap, false);
    }

    /// A person or, with keys that manage keys, a key: its credential, and the key's place.
    fn caller(&mut self) -> (String, Option<usize>) {
        match self.value().filter(|_| self.random.below(2) == 0) {
            Some(value) => (self.values[value].text.clone(), Some(self.values[value].key)),
            None => {
                let person = self.actor();
                (self.people[person].id_token.clone(), None)
            }
        }
    }

    pub(super) async fn create(&mut self, by: Option<usize>) -> String {
        let (credential, actor) = match by {
            Some(value) => (self.values[value].text.clone(), Some(self.values[value].key)),
            None => {
                let person = self.actor();
                (self.people[person].id_token.clone(), None)
            }
        };
        let mut body = self.limits();
        if self.random.below(4) == 0 {
            body["scope"] = json!("read_only");
        }
        let request = self.server.post(&self.tenant.workspace_path("/api-keys")).bearer(&credential);
        let answer = request.json(body.clone()).send().await;
        if self.note(if actor.is_some() { "create by key" } else { "create by person" }, &answer) {
            let cap = actor.map_or(RANKS.len() as Rank, |actor| self.model.keys[actor].cap);
            let key = self.key_of(&answer.body, cap);
            if let Some(actor) = actor {
                let actor = &self.model.keys[actor];
                assert!(self.model.is_within(&key, actor), "{actor:?} made {key:?}");
            }
            self.model.keys.push(key);
            self.ids.push(answer.text_at("/id"));
            self.add_value(self.ids.len() - 1, &answer["plaintext"]);
        }
        format!(
            "{} creates a key with {body}: {}",
            actor.map_or("a person".to_owned(), |key| format!("key {key}")),
            answer.status
        )
    }

    pub(super) async fn roll(&mut self) -> String {
        let Some(target) = self.value().map(|value| self.values[value].key) else {
            return "nothing to roll".to_owned();
        };
        let (credential, actor) = self.caller();
        let path = self.tenant.workspace_path(&format!("/api-keys/{}/roll", self.ids[target]));
        let answer = self.server.post(&path).bearer(&credential).send().await;
        if self.note("roll", &answer) {
            self.assert_within(actor, target);
            self.add_value(target, &answer["plaintext"]);
        }
        format!("{actor:?} rolls key {target}: {}", answer.status)
    }

    /// Fails when a key gave the target more than it has.
    fn assert_within(&self, actor: Option<usize>, target: usize) {
        let Some(actor) = actor else { return };
        let (actor, target) = (&self.model.keys[actor], &self.model.keys[target]);
        assert!(self.model.is_within(target, actor), "{actor:?} gave a value of {target:?}");
    }

    pub(super) async fn change_key(&mut self) -> String {
        let Some(target) = self.value().map(|value| self.values[value].key) else {
            return "nothing to change".to_owned();
        };
        let (credential, actor) = self.caller();
        let mut body = self.limits();
        if self.random.below(4) == 0 {
            body["expiresAt"] = Value::Null;
        }
        let path = self.tenant.workspace_path(&format!("/api-keys/{}", self.ids[target]));
        let answer = self.server.patch(&path).bearer(&credential).json(body.clone()).send().await;
        if self.note("change key", &answer) {
            let before = self.model.keys[target].clone();
            let mut after = self.key_of(&answer.body, before.cap);
            after.is_orphaned = before.is_orphaned;
            let widens = after.ends_at > before.ends_at || after.narrowness < before.narrowness;
            self.model.keys[target] = after;
            if widens {
                self.assert_within(actor, target);
            }
        }
        format!("{actor:?} changes key {target} by {body}: {}", answer.status)
    }

    pub(super) async fn transfer(&mut self) -> String {
        let Some(target) = self.value().map(|value| self.values[value].key) else {
            return "nothing to give".to_owned();
        };
        let (credential, actor) = self.caller();
        let (heir, mode) = (self.person(), self.mode());
        let path = self.tenant.workspace_path(&format!("/api-keys/{}/transfer", self.ids[target]));
        let body = json!({ "userId": self.people[heir].user_id, "mode": mode });
        let answer = self.server.post(&path).bearer(&credential).json(body).send().await;
        if self.note("transfer", &answer) {
            assert!(self.model.stands(heir) > 0, "{heir} can't act");
            let actor_before = actor.map(|actor| self.model.keys[actor].clone());
            let id = self.ids[target].clone();
            self.hand_over(&id, heir, mode, actor, RANKS.len() as Rank);
            if let Some(actor) = actor_before {
                let target = &self.model.keys[target];
                assert!(self.model.is_within(target, &actor), "{actor:?} transferred {target:?}");
            }
            if mode == "roll" {
                self.add_value(target, &answer["plaintext"]);
            }
        }
        format!("{actor:?} transfers key {target} to {heir} ({mode}): {}", answer.status)
    }
}
