//! Random sequences of everything that gives and takes authority, through the application, against the [`super::model`].

use super::model::{Key, Model, ORGANIZATION_ADMIN, OWNER, Person, Rank};
use super::{accept, set_disabled, sign_in, verified};
use crate::cluster::random::Random;
use crate::support::http::{Answer, Request};
use crate::support::tenant::User;
use crate::support::{Backend, Server, Tenant, tests};
use keyward::base::policy::CreatorRole;
use keyward::base::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

tests![nobody_and_no_key_reaches_more_than_the_model_allows];

/// Repeats the choices of a run.
const SEED: &str = "KEYWARD_SUITE_SEED";
const PEOPLE: usize = 5;
const SEQUENCES: u64 = 4;
const STEPS: usize = 100;
/// Nested sets of addresses, all with that of the test.
const BLOCKS: [&[&str]; 4] = [&[], &["126.0.0.0/7"], &["127.0.0.0/8"], &["127.0.0.1/32"]];
const RANKS: [&str; 6] = ["none", "viewer", "editor", "admin", "admin", "owner"];

/// A value of a key, as its holder knows it.
struct Plaintext {
    key: usize,
    text: String,
    is_dead: bool,
}

struct Invitation {
    maker: usize,
    guest: usize,
    rank: Rank,
    in_workspace: Rank,
    token: String,
}

struct Run<'s> {
    server: &'s Server,
    tenant: Tenant<'s>,
    people: Vec<User>,
    model: Model,
    ids: Vec<String>,
    values: Vec<Plaintext>,
    invitations: Vec<Invitation>,
    random: Random,
    done: BTreeMap<&'static str, [usize; 2]>,
}

async fn nobody_and_no_key_reaches_more_than_the_model_allows(db: Backend) {
    let seed: u64 = std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or_else(rand::random);
    println!("delegated authority: {SEED}={seed} repeats the choices");
    let mut done: BTreeMap<&'static str, [usize; 2]> = BTreeMap::new();
    for sequence in 0..SEQUENCES {
        let server = Server::with(db, |config| {
            config.keys.manage_with_keys = true;
            config.keys.min_creator_role = if sequence % 2 == 0 { CreatorRole::Viewer } else { CreatorRole::Editor };
            config.rate_limit.unknown_keys_per_minute = 1_000_000;
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
        ["invite", "accept", "change role", "remove", "create by person", "create by key", "roll", "transfer"]
            .into_iter()
            .filter(|what| done.get(what).is_none_or(|[granted, _]| *granted == 0))
            .collect();
    assert!(never.is_empty(), "{SEED}={seed}: too little happened to prove anything: never {never:?} in {done:?}");
}

impl<'s> Run<'s> {
    async fn new(server: &'s Server, seed: u64) -> Self {
        let tenant = Tenant::new(server).await;
        let mut people = vec![tenant.owner.clone()];
        for number in 1..PEOPLE {
            people.push(verified(server, &format!("person-{number}@example.com")).await);
        }
        let mut model = Model { people: vec![Person::default(); PEOPLE], keys: Vec::new() };
        model.people[0] = Person { is_member: true, in_organization: OWNER, ..Person::default() };
        for (person, role, rank) in [(1, "admin", ORGANIZATION_ADMIN), (2, "member", 0), (3, "member", 0)] {
            let grants = [(&*tenant.workspace_id, if person == 2 { "admin" } else { "editor" })];
            let token = tenant.invite(&people[person].email, role, &grants).await.text_at("/token");
            accept(server, &people[person], &token).await.expect(200);
            let in_workspace = if person == 2 { 3 } else { 2 };
            model.people[person] = Person { is_member: true, in_organization: rank, in_workspace, is_disabled: false };
        }
        let (ids, values, invitations, done) = (Vec::new(), Vec::new(), Vec::new(), BTreeMap::new());
        Self { server, tenant, people, model, ids, values, invitations, random: Random::new(seed), done }
    }

    fn person(&mut self) -> usize {
        self.random.index(PEOPLE)
    }

    /// Somebody with authority, most of the time: else little would succeed.
    fn actor(&mut self) -> usize {
        let strong: Vec<usize> = (0..PEOPLE).filter(|person| self.model.stands(*person) >= 3).collect();
        if strong.is_empty() || self.random.below(4) == 0 {
            self.person()
        } else {
            strong[self.random.index(strong.len())]
        }
    }

    fn value(&mut self) -> Option<usize> {
        let live: Vec<usize> = (0..self.values.len()).filter(|place| !self.values[*place].is_dead).collect();
        (!live.is_empty()).then(|| live[self.random.index(live.len())])
    }

    fn note(&mut self, what: &'static str, answer: &Answer) -> bool {
        let granted = answer.status < 300;
        assert!(answer.status < 500 || answer.status == 503, "{what}: {} {}", answer.status, answer.text);
        self.done.entry(what).or_default()[usize::from(!granted)] += 1;
        granted
    }

    /// Does one thing that the dice name, and follows it in the model. Returns what it was.
    async fn step(&mut self) -> String {
        match self.random.below(18) {
            0 | 1 => self.invite().await,
            2 | 3 => self.accept().await,
            4 => self.change_role().await,
            5 => self.change_workspace_role().await,
            6 => self.remove().await,
            7 => self.switch().await,
            8 => self.create(None).await,
            9..=11 => {
                let by = self.value();
                self.create(by).await
            }
            12 | 13 => self.roll().await,
            14 | 15 => self.change_key().await,
            _ => self.transfer().await,
        }
    }

    async fn invite(&mut self) -> String {
        let (maker, guest) = (self.actor(), self.person());
        let rank = [0, ORGANIZATION_ADMIN, OWNER][self.random.index(3)];
        let in_workspace = self.random.below(4) as Rank;
        let role = if rank == 0 { "member" } else { RANKS[usize::from(rank)] };
        let grants = match in_workspace {
            0 => json!([]),
            rank => json!([{ "id": self.tenant.workspace_id, "role": RANKS[usize::from(rank)] }]),
        };
        let body = json!({ "email": self.people[guest].email, "role": role, "workspaces": grants });
        let request = self.server.post(&self.tenant.organization_path("/invitations"));
        let answer = request.bearer(&self.people[maker].id_token).json(body).send().await;
        if self.note("invite", &answer) {
            assert!(self.model.gives(maker, rank), "{maker} invited {guest} as {role}");
            let token = answer.text_at("/token");
            self.invitations.push(Invitation { maker, guest, rank, in_workspace, token });
        }
        format!("{maker} invites {guest} as {role}: {}", answer.status)
    }

    async fn accept(&mut self) -> String {
        if self.invitations.is_empty() {
            return "nothing to accept".to_owned();
        }
        let place = self.random.index(self.invitations.len());
        let Invitation { maker, guest, rank, in_workspace, ref token } = self.invitations[place];
        let request = self.server.post("/v1/invitations/accept").bearer(&self.people[guest].id_token);
        let answer = request.json(json!({ "token": token })).send().await;
        if self.note("accept", &answer) {
            assert!(self.model.gives(maker, rank), "{guest} accepted what {maker} may not give: rank {rank}");
            let person = &mut self.model.people[guest];
            *person = Person { is_member: true, in_organization: rank, in_workspace, ..*person };
            self.invitations.remove(place);
        }
        format!("{guest} accepts the invitation of {maker}: {}", answer.status)
    }

    fn request_about(&self, method: &str, place: &str, by: usize, of: usize, query: &str) -> Request {
        let rest = format!("/members/{}{query}", self.people[of].user_id);
        let path = if place == "organization" {
            self.tenant.organization_path(&rest)
        } else {
            self.tenant.workspace_path(&rest)
        };
        self.server.request(method.parse().expect("a method"), &path).bearer(&self.people[by].id_token)
    }

    async fn change_role(&mut self) -> String {
        let (by, of) = (self.actor(), self.person());
        let rank = [0, ORGANIZATION_ADMIN, OWNER][self.random.index(3)];
        let role = if rank == 0 { "member" } else { RANKS[usize::from(rank)] };
        let answer = self.request_about("PATCH", "organization", by, of, "").json(json!({ "role": role })).send().await;
        if self.note("change role", &answer) {
            let before = self.model.people[of].in_organization;
            assert!(self.model.gives(by, rank.max(before)), "{by} made {of} {role}");
            self.model.people[of].in_organization = rank;
        }
        format!("{by} makes {of} {role}: {}", answer.status)
    }

    async fn change_workspace_role(&mut self) -> String {
        let (by, of) = (self.actor(), self.person());
        let rank = 1 + self.random.below(3) as Rank;
        let body = json!({ "role": RANKS[usize::from(rank)] });
        let answer = self.request_about("PUT", "workspace", by, of, "").json(body).send().await;
        if self.note("change workspace role", &answer) {
            assert!(self.model.stands(by) >= 3, "{by} gave {of} a role in the workspace");
            self.model.people[of].in_workspace = rank;
        }
        format!("{by} gives {of} the rank {rank} in the workspace: {}", answer.status)
    }

    fn mode(&mut self) -> &'static str {
        ["keep", "roll"][self.random.index(2)]
    }

    async fn remove(&mut self) -> String {
        let (by, of, heir, mode) = (self.actor(), self.person(), self.person(), self.mode());
        let query = match self.random.below(2) {
            0 => String::new(),
            _ => format!("?transferKeysTo={}&mode={mode}", self.people[heir].user_id),
        };
        let answer = self.request_about("DELETE", "organization", by, of, &query).send().await;
        if self.note("remove", &answer) {
            let owners = (0..PEOPLE).filter(|person| *person != of && self.model.stands(*person) == OWNER).count();
            assert!(owners > 0, "the organization has no owner who can act");
            assert!(answer["transferredKeys"] == json!([]) || self.model.stands(heir) > 0, "{heir} can't act");
            for id in answer["transferredKeys"].as_array().expect("a list") {
                self.hand_over(id.as_str().expect("an id"), heir, mode, None, RANKS.len() as Rank);
            }
            for id in answer["orphanedKeys"].as_array().expect("a list") {
                let place = self.place_of(id.as_str().expect("an id"));
                self.model.keys[place].cap = self.had(place);
                self.model.keys[place].is_orphaned = true;
            }
            for rolled in answer.body["rolledKeys"].as_array().into_iter().flatten() {
                let place = self.place_of(rolled["id"].as_str().expect("an id"));
                self.add_value(place, &rolled["plaintext"]);
            }
            let person = &mut self.model.people[of];
            *person = Person { is_disabled: person.is_disabled, ..Person::default() };
        }
        format!("{by} removes {of} {query}: {}", answer.status)
    }

    async fn switch(&mut self) -> String {
        let person = self.person();
        let is_disabled = !self.model.people[person].is_disabled && self.random.below(3) == 0;
        set_disabled(self.server, &self.people[person], is_disabled).await;
        if !is_disabled {
            sign_in(self.server, &mut self.people[person]).await;
        }
        self.model.people[person].is_disabled = is_disabled;
        format!("the operator disables {person}: {is_disabled}")
    }

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

    fn place_of(&self, id: &str) -> usize {
        self.ids.iter().position(|known| known == id).expect("a known key")
    }

    fn add_value(&mut self, key: usize, plaintext: &Value) {
        let text = plaintext.as_str().expect("a value").to_owned();
        self.values.iter_mut().filter(|value| value.key == key).for_each(|value| value.is_dead = true);
        self.values.push(Plaintext { key, text, is_dead: false });
    }

    /// The most that a key's value has had: what the model keeps where authority is taken from its creator.
    fn had(&self, place: usize) -> Rank {
        let key = &self.model.keys[place];
        if key.is_orphaned {
            return key.cap;
        }
        let creator = Person { is_disabled: false, ..self.model.people[key.creator] };
        creator.in_organization.max(creator.in_workspace).min(ORGANIZATION_ADMIN).min(key.cap)
    }

    /// Follows a transfer: a kept key keeps what it had, a rolled one has what the caller may give.
    fn hand_over(&mut self, id: &str, heir: usize, mode: &str, actor: Option<usize>, most: Rank) {
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

    async fn create(&mut self, by: Option<usize>) -> String {
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

    async fn roll(&mut self) -> String {
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

    async fn change_key(&mut self) -> String {
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

    async fn transfer(&mut self) -> String {
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

    /// Asks the application what each person and each value reaches, and compares it with the model.
    async fn check(&self, after: &str) {
        for (place, person) in self.people.iter().enumerate() {
            let stands = self.model.stands(place);
            let read = |path: String| self.server.get(&path).bearer(&person.id_token).send();
            let organization = read(self.tenant.organization_path("")).await;
            let seen = match (organization.status, organization["role"].as_str()) {
                (200, Some("owner")) => OWNER,
                (200, Some("admin")) => ORGANIZATION_ADMIN,
                _ => 0,
            };
            let workspace = read(self.tenant.workspace_path("")).await;
            let role = if workspace.status == 200 { workspace["role"].as_str() } else { None };
            let seen = seen.max(rank_of(role));
            assert!(seen <= stands, "{after}\nperson {place} has the rank {seen}, not {stands}: {:?}", self.model);
        }
        for Plaintext { key, text, is_dead } in &self.values {
            let whoami = self.server.get("/v1/whoami").bearer(text).send().await;
            let seen = if whoami.status == 200 { rank_of(whoami["role"].as_str()) } else { 0 };
            let most = if *is_dead { 0 } else { self.model.reaches(&self.model.keys[*key]) };
            assert!(seen <= most, "{after}\na value of key {key} has the rank {seen}, not {most}: {:?}", self.model);
        }
    }
}

/// The rank of a role in the workspace.
fn rank_of(role: Option<&str>) -> Rank {
    role.and_then(|role| RANKS[..4].iter().position(|name| *name == role)).unwrap_or(0) as Rank
}
