//! Random sequences of everything that gives and takes authority, through the application, against the [`super::model`].

mod keys;
mod people;

use super::model::{Model, ORGANIZATION_ADMIN, OWNER, Person, Rank};
use super::{accept, verified};
use crate::cluster::random::Random;
use crate::support::http::Answer;
use crate::support::tenant::User;
use crate::support::{Backend, Server, Tenant, tests};
use keyward::base::policy::CreatorRole;
use std::collections::BTreeMap;

tests![nobody_and_no_key_reaches_more_than_the_model_allows];

/// Repeats the choices of a run.
const SEED: &str = "KEYWARD_SUITE_SEED";
const PEOPLE: usize = 5;
const SEQUENCES: u64 = 6;
/// More sequences follow while the dice have left something out.
const MOST_SEQUENCES: u64 = 18;
/// What must have succeeded at least once.
const MUST_SUCCEED: [&str; 8] =
    ["invite", "accept", "change role", "remove", "create by person", "create by key", "roll", "transfer"];
const STEPS: usize = 50;
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
    let mut never: Vec<_> = MUST_SUCCEED.to_vec();
    for sequence in 0..MOST_SEQUENCES {
        if sequence >= SEQUENCES && never.is_empty() {
            break;
        }
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
        never.retain(|what| done.get(what).is_none_or(|[granted, _]| *granted == 0));
    }
    println!("granted and refused: {done:?}");
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
        match self.random.below(22) {
            0 | 1 => self.invite().await,
            2 | 3 => self.accept().await,
            4 | 18..=21 => self.change_role().await,
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

    fn mode(&mut self) -> &'static str {
        ["keep", "roll"][self.random.index(2)]
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
