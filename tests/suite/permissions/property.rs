//! Random sequences of grants, narrowings, demotions, transfers, removals and changes of lists, over HTTP, against the
//! [`super::model`]: after each step every key may do what the model says, and no more and no less.

use super::model::{Key as ModelKey, Model, NAMES, Person, Role, Set};
use super::{change_key, configure, effective, give};
use crate::cluster::random::Random;
use crate::delegation::transfer;
use crate::support::http::Answer;
use crate::support::tenant::{Key, User};
use crate::support::{Backend, Server, Tenant, tests};
use serde_json::{Value, json};
use std::collections::BTreeMap;

tests![every_key_may_do_what_the_model_says];

/// Repeats the choices of a run.
const SEED: &str = "KEYWARD_SUITE_SEED";
const PEOPLE: usize = 4;
const SEQUENCES: u64 = 3;
const STEPS: usize = 100;

struct Run<'s> {
    server: &'s Server,
    tenant: Tenant<'s>,
    people: Vec<User>,
    roles: Vec<String>,
    keys: Vec<Key>,
    model: Model,
    random: Random,
    done: BTreeMap<&'static str, [usize; 2]>,
}

async fn every_key_may_do_what_the_model_says(db: Backend) {
    let seed: u64 = std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or_else(rand::random);
    println!("permissions: {SEED}={seed} repeats the choices");
    let mut done: BTreeMap<&'static str, [usize; 2]> = BTreeMap::new();
    for sequence in 0..SEQUENCES {
        let server = Server::with(db, |config| {
            configure(config);
            for plan in config.plans.values_mut() {
                (plan.max_active_keys, plan.requests_per_minute, plan.burst) = (1_000_000, 1_000_000, 1_000_000);
            }
        });
        let server = server.await;
        let mut run = Run::new(&server, seed.wrapping_add(sequence)).await;
        for step in 0..STEPS {
            let what = run.step().await;
            run.check(&format!("{SEED}={seed}, sequence {sequence}, step {step}: {what}")).await;
        }
        for (what, [granted, refused]) in run.done {
            let sum = done.entry(what).or_default();
            *sum = [sum[0] + granted, sum[1] + refused];
        }
    }
    println!("granted and refused: {done:?}");
    let never: Vec<_> =
        ["grant", "change role", "replace role", "demote", "create", "change list", "keep", "roll", "remove"]
            .into_iter()
            .filter(|what| done.get(what).is_none_or(|[granted, _]| *granted == 0))
            .collect();
    assert!(never.is_empty(), "{SEED}={seed}: too little happened to prove anything: never {never:?} in {done:?}");
}

fn names(set: Set) -> Value {
    (0..NAMES.len()).filter(|place| set >> place & 1 == 1).map(|place| NAMES[place]).collect()
}

/// The bits of the names that the model knows.
fn bits(names: &[String]) -> Set {
    NAMES.iter().enumerate().filter(|(_, name)| names.iter().any(|known| known == *name)).map(|(at, _)| 1 << at).sum()
}

impl<'s> Run<'s> {
    async fn new(server: &'s Server, seed: u64) -> Self {
        let tenant = Tenant::new(server).await;
        let mut people = vec![tenant.owner.clone()];
        for role in ["admin", "editor", "viewer"] {
            people.push(tenant.add_to_workspace(role).await);
        }
        let role = |role| Person { is_admin: false, role: Some(role) };
        let people_of_model =
            vec![Person { is_admin: true, role: None }, role(Role::Admin), role(Role::Editor), role(Role::Viewer)];
        let model = Model { people: people_of_model, ..Model::default() };
        let (roles, keys, done) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut run = Self { server, tenant, people, roles, keys, model, random: Random::new(seed), done };
        for _ in 0..2 {
            run.make_role().await;
        }
        run
    }

    fn person(&mut self) -> usize {
        self.random.index(PEOPLE)
    }

    /// The owner, half of the time: else little would succeed.
    fn actor(&mut self) -> usize {
        if self.random.below(2) == 0 { 0 } else { self.person() }
    }

    /// A part of what somebody has, most of the time.
    fn set_of(&mut self, person: usize) -> Set {
        let (set, own) = (self.set(), self.model.has(person).unwrap_or(0));
        if self.random.below(4) == 0 || set & own == 0 { set } else { set & own }
    }

    fn set(&mut self) -> Set {
        self.random.below(255) as Set + 1
    }

    fn key(&mut self) -> Option<usize> {
        (!self.keys.is_empty()).then(|| self.random.index(self.keys.len()))
    }

    fn role(&mut self) -> (Role, String) {
        match self.random.index(3 + self.roles.len()) {
            0 => (Role::Viewer, "viewer".to_owned()),
            1 => (Role::Editor, "editor".to_owned()),
            2 => (Role::Admin, "admin".to_owned()),
            place => (Role::Custom(place - 3), self.roles[place - 3].clone()),
        }
    }

    fn note(&mut self, what: &'static str, answer: &Answer) -> bool {
        let granted = answer.status < 300;
        assert!(answer.status < 500 || answer.status == 503, "{what}: {} {}", answer.status, answer.text);
        self.done.entry(what).or_default()[usize::from(!granted)] += 1;
        granted
    }

    async fn make_role(&mut self) {
        let (set, number) = (self.set(), self.roles.len());
        let body = json!({ "name": format!("Role {number}"), "permissions": names(set) });
        let made = super::ask_for_role(&self.tenant, &self.tenant.owner, body).await.expect(201);
        self.roles.push(made.text_at("/id"));
        self.model.roles.push(set);
    }

    async fn step(&mut self) -> String {
        match self.random.below(14) {
            0..=2 => self.grant().await,
            3 | 4 => self.change_role().await,
            5 => self.replace_role().await,
            6 => self.demote().await,
            7 | 8 => self.create().await,
            9 | 10 => self.change_list().await,
            11 | 12 => self.transfer().await,
            _ => self.remove().await,
        }
    }

    async fn grant(&mut self) -> String {
        let (by, to, (role, id)) = (self.actor(), self.person(), self.role());
        let answer = give(&self.tenant, &self.people[by], &self.people[to], &id).await;
        if self.note("grant", &answer) {
            let own = self.model.has(by).unwrap_or(0);
            let is_within = self.model.of_role(role) & !own == 0;
            assert!(is_within || self.model.people[by].is_admin, "{by} gave {role:?}, and has {own:b}");
            self.model.people[to].role = Some(role);
        }
        format!("{by} gives {to} the role {role:?}: {}", answer.status)
    }

    async fn change_role(&mut self) -> String {
        let (place, set) = (self.random.index(self.roles.len()), self.set());
        let answer = super::change_role(&self.tenant, &self.roles[place], json!({ "permissions": names(set) })).await;
        if self.note("change role", &answer) {
            self.model.roles[place] = set;
        }
        format!("role {place} has {set:b}: {}", answer.status)
    }

    /// Deletes a role, and makes another in its place.
    async fn replace_role(&mut self) -> String {
        let (place, (role, id)) = (self.random.index(self.roles.len()), self.role());
        let path = self.tenant.organization_path(&format!("/roles/{}?replaceWith={id}", self.roles[place]));
        let answer = self.server.delete(&path).bearer(&self.tenant.owner.id_token).send().await;
        if self.note("replace role", &answer) {
            for person in &mut self.model.people {
                if person.role == Some(Role::Custom(place)) {
                    person.role = Some(role);
                }
            }
            let set = self.set();
            let body = json!({ "name": format!("Another {}", self.random.below(u64::MAX)), "permissions": names(set) });
            let made = super::ask_for_role(&self.tenant, &self.tenant.owner, body).await.expect(201);
            (self.roles[place], self.model.roles[place]) = (made.text_at("/id"), set);
        }
        format!("role {place} is replaced by {role:?}: {}", answer.status)
    }

    async fn demote(&mut self) -> String {
        let of = 1 + self.random.index(PEOPLE - 1);
        let is_admin = !self.model.people[of].is_admin;
        let path = self.tenant.organization_path(&format!("/members/{}", self.people[of].user_id));
        let body = json!({ "role": if is_admin { "admin" } else { "member" } });
        let answer = self.server.patch(&path).bearer(&self.tenant.owner.id_token).json(body).send().await;
        if self.note("demote", &answer) {
            self.model.people[of].is_admin = is_admin;
        }
        format!("{of} is an admin of the organization: {is_admin}")
    }

    async fn create(&mut self) -> String {
        let (by, is_read_only) = (self.person(), self.random.below(3) == 0);
        let list = (self.random.below(2) == 0).then(|| self.set_of(by));
        let scope = if is_read_only { "read_only" } else { "full" };
        let body = json!({ "scope": scope, "permissions": list.map(names) });
        let request = self.server.post(&self.tenant.workspace_path("/api-keys"));
        let answer = request.bearer(&self.people[by].id_token).json(body).send().await;
        if self.note("create", &answer) {
            let own = self.model.has(by).unwrap_or(0);
            assert!(list.is_none_or(|list| list & !own == 0), "{by} listed {list:?}, and has {own:b}");
            let (id, plaintext) = (answer.text_at("/id"), answer.text_at("/plaintext"));
            self.keys.push(Key { id, plaintext, body: answer.body.clone() });
            self.model.keys.push(ModelKey { owner: by, is_read_only, list, orphaned_with: None });
        }
        format!("{by} makes a key with {list:?}: {}", answer.status)
    }

    async fn change_list(&mut self) -> String {
        let Some(place) = self.key() else { return "no key".to_owned() };
        let (by, owner) = (self.actor(), self.model.keys[place].owner);
        let list = (self.random.below(4) > 0).then(|| self.set_of(owner));
        let answer = change_key(&self.tenant, &self.people[by], &self.keys[place], json!(list.map(names))).await;
        if self.note("change list", &answer) {
            let before = self.model.effective(&self.model.keys[place]).unwrap_or(0);
            let owners = self.model.has(self.model.keys[place].owner).unwrap_or(0);
            assert!(list.is_none_or(|list| list & !owners == 0), "{list:?} is more than the owner's {owners:b}");
            self.model.keys[place].list = list;
            let after = self.model.effective(&self.model.keys[place]).unwrap_or(0);
            let own = self.model.has(by).unwrap_or(0);
            assert!(after & !before & !own == 0, "{by} gave {after:b} to a key with {before:b}, and has {own:b}");
        }
        format!("{by} gives key {place} the list {list:?}: {}", answer.status)
    }

    async fn transfer(&mut self) -> String {
        let Some(place) = self.key() else { return "no key".to_owned() };
        let (by, heir) = (self.actor(), self.person());
        let mode = ["keep", "roll"][self.random.index(2)];
        let had = self.model.had(&self.model.keys[place]);
        let body = json!({ "userId": self.people[heir].user_id, "mode": mode });
        let answer = transfer(self.server, &self.tenant, &self.people[by].id_token, &self.keys[place], body).await;
        if self.note(mode, &answer) {
            self.hand_over(place, heir, mode, had);
            let (after, own) = (self.model.effective(&self.model.keys[place]), self.model.has(by).unwrap_or(0));
            assert!(after.unwrap_or(0) & !own == 0, "{by} transferred a key with {after:?}, and has {own:b}");
            if mode == "roll" {
                self.keys[place].plaintext = answer.text_at("/plaintext");
            }
        }
        format!("{by} transfers key {place} to {heir} ({mode}): {}", answer.status)
    }

    fn hand_over(&mut self, place: usize, heir: usize, mode: &str, had: Option<Set>) {
        let key = &mut self.model.keys[place];
        (key.owner, key.orphaned_with) = (heir, None);
        if mode == "keep" {
            key.list = Some(had.expect("a key that is kept had something"));
        }
    }

    /// Removes somebody from the workspace, and the keys go to an heir or are orphaned.
    async fn remove(&mut self) -> String {
        let (by, of, heir) = (self.actor(), self.person(), self.person());
        let mode = ["keep", "roll"][self.random.index(2)];
        let query = match self.random.below(2) {
            0 => String::new(),
            _ => format!("?transferKeysTo={}&mode={mode}", self.people[heir].user_id),
        };
        let path = self.tenant.workspace_path(&format!("/members/{}{query}", self.people[of].user_id));
        let answer = self.server.delete(&path).bearer(&self.people[by].id_token).send().await;
        if self.note("remove", &answer) {
            let place_of =
                |keys: &[Key], id: &Value| keys.iter().position(|key| *id == key.id.as_str()).expect("a key");
            for id in answer["orphanedKeys"].as_array().expect("a list") {
                let place = place_of(&self.keys, id);
                self.model.keys[place].orphaned_with = self.model.had(&self.model.keys[place]);
            }
            for id in answer["transferredKeys"].as_array().expect("a list") {
                let place = place_of(&self.keys, id);
                let had = self.model.had(&self.model.keys[place]);
                self.hand_over(place, heir, mode, had);
            }
            for rolled in answer.body["rolledKeys"].as_array().into_iter().flatten() {
                let place = place_of(&self.keys, &rolled["id"]);
                let (after, own) = (self.model.effective(&self.model.keys[place]), self.model.has(by).unwrap_or(0));
                assert!(after.unwrap_or(0) & !own == 0, "{by} got a key with {after:?}, and has {own:b}");
                self.keys[place].plaintext = rolled["plaintext"].as_str().expect("a value").to_owned();
            }
            self.model.people[of].role = None;
        }
        format!("{by} removes {of} {query}: {}", answer.status)
    }

    /// Asks the application what each key may do.
    async fn check(&self, after: &str) {
        for (place, key) in self.keys.iter().enumerate() {
            let seen = effective(self.server, &key.plaintext).await.map(|names| bits(&names));
            let model = &self.model.keys[place];
            let wanted = self.model.effective(model);
            assert_eq!(seen, wanted, "{after}\nkey {place}: {model:?}\n{:?}", self.model);
        }
    }
}
