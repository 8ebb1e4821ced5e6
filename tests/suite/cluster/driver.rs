//! [`Driver`]: takes one organization's access away and gives it back, in random ways, at random nodes.

use super::faults::Weather;
use super::ledger::{Access, Probe};
use super::load::Board;
use super::random::Random;
use crate::support::Tenant;
use crate::support::http::{Answer, Api, Request};
use crate::support::process::{self, Keyward};
use crate::support::tenant::User;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What editors have where the collection `notes` is declared, and what of it only reads.
const EDITORS: [&str; 7] =
    ["workspace:read", "members:read", "content:read", "content:write", "keys:own", "notes:read", "notes:write"];
const READERS: [&str; 5] = ["workspace:read", "members:read", "content:read", "keys:own", "notes:read"];

/// One call that changed access.
pub struct Change {
    pub kind: &'static str,
    /// From the call to its answer.
    pub waited: Duration,
    /// Whether something was broken meanwhile.
    pub disturbed: bool,
    /// Whether the first try was answered.
    pub certain: bool,
}

/// A key, and its value of today.
struct Key {
    id: String,
    probe: Arc<Probe>,
}

/// One organization, and who changes it.
pub struct Driver<'a> {
    nodes: &'a [Keyward],
    board: &'a Board,
    weather: &'a Weather,
    lease: Duration,
    random: Random,
    owner: User,
    creator: User,
    organization_id: String,
    workspace_id: String,
    /// A custom role, which has what an editor has while nobody narrows it.
    role_id: String,
    /// The one that is revoked, deleted and rolled, and one that lives on.
    keys: [Key; 2],
    dead: VecDeque<Arc<Probe>>,
    pub changes: Vec<Change>,
}

impl<'a> Driver<'a> {
    /// A new organization with a creator of keys. Nothing may be broken yet.
    pub async fn new(nodes: &'a [Keyward], board: &'a Board, weather: &'a Weather, lease: Duration, seed: u64) -> Self {
        let tenant = Tenant::new(&nodes[0]).await;
        let creator = tenant.add_to_workspace("editor").await;
        let mut keys = Vec::new();
        for _ in 0..2 {
            let key = tenant.create_key(&creator, json!({})).await;
            keys.push(Key { id: key.id, probe: Probe::new(key.plaintext, Access::Writes) });
        }
        let body = json!({ "name": "Writer", "permissions": EDITORS });
        let role = nodes[0].post(&tenant.organization_path("/roles")).bearer(&tenant.owner.id_token).json(body);
        let role_id = role.send().await.expect(201).text_at("/id");
        keys.iter().for_each(|key| board.add(&key.probe));
        let keys = keys.try_into().unwrap_or_else(|_| unreachable!("two were made"));
        let Tenant { owner, organization_id, workspace_id, .. } = tenant;
        let (random, dead, changes) = (Random::new(seed), VecDeque::new(), Vec::new());
        Self {
            nodes,
            board,
            weather,
            lease,
            random,
            owner,
            creator,
            organization_id,
            workspace_id,
            role_id,
            keys,
            dead,
            changes,
        }
    }

    /// Changes until then, with pauses of at most this many milliseconds.
    pub async fn run(&mut self, until: impl Fn() -> bool, pause: u64) {
        while !until() {
            match self.random.below(10) {
                0 => self.disable(pause).await,
                1 => self.replace("revoke", pause).await,
                2 => self.replace("delete", pause).await,
                3 => self.roll().await,
                4 => self.demote(pause).await,
                5 => self.remove_from_workspace(pause).await,
                6 => self.remove_from_organization(pause).await,
                7 => self.cancel(pause).await,
                8 => self.narrow(pause).await,
                _ => self.disable_account(pause).await,
            }
            self.pause(pause).await;
        }
    }

    async fn pause(&mut self, longest: u64) {
        tokio::time::sleep(Duration::from_millis(self.random.below(longest + 1))).await;
    }

    async fn disable(&mut self, pause: u64) {
        let path = self.key_path(0);
        self.change("disable", &[0], Access::Refused, |api, d| api.post(&format!("{path}/disable")).bearer(d)).await;
        self.pause(pause).await;
        self.change("enable", &[0], Access::Writes, |api, d| api.post(&format!("{path}/enable")).bearer(d)).await;
    }

    async fn replace(&mut self, how: &'static str, pause: u64) {
        let path = self.key_path(0);
        let end = |api: &Api, owner: &str| match how {
            "delete" => api.delete(&path).bearer(owner),
            _ => api.post(&format!("{path}/revoke")).bearer(owner),
        };
        self.change(how, &[0], Access::Refused, end).await;
        self.pause(pause).await;
        let (path, token) = (format!("/v1/workspaces/{}/api-keys", self.workspace_id), self.creator.id_token.clone());
        let answer = self.call("create", |api, _| api.post(&path).bearer(&token).json(json!({}))).await;
        self.keys[0].id = answer.text_at("/id");
        self.take_value(&answer);
    }

    async fn roll(&mut self) {
        let path = format!("{}/roll", self.key_path(0));
        let roll = |api: &Api, owner: &str| api.post(&path).bearer(owner).json(json!({}));
        let answer = self.change("roll", &[0], Access::Refused, roll).await;
        self.take_value(&answer);
    }

    /// The first key has a new value. Old ones are asked for a while longer.
    fn take_value(&mut self, answer: &Answer) {
        let probe = Probe::new(answer.text_at("/plaintext"), Access::Writes);
        self.board.add(&probe);
        self.dead.push_back(std::mem::replace(&mut self.keys[0].probe, probe));
        if self.dead.len() > 2 {
            self.dead.pop_front().into_iter().for_each(|probe| probe.retire());
        }
    }

    async fn demote(&mut self, pause: u64) {
        self.set_role("demote", "viewer", Access::Reads).await;
        self.pause(pause).await;
        self.set_role("promote", "editor", Access::Writes).await;
    }

    /// The custom role of the creator loses what writes, and gets it back.
    async fn narrow(&mut self, pause: u64) {
        let role = self.role_id.clone();
        self.give("give a custom role", &role).await;
        self.change_role("narrow a role", &READERS, Access::Reads).await;
        self.pause(pause).await;
        self.change_role("widen a role", &EDITORS, Access::Writes).await;
        self.give("give a built-in role", "editor").await;
    }

    /// Gives the creator a role that has the same as the one before.
    async fn give(&mut self, kind: &'static str, role: &str) {
        let path = self.workspace_member();
        self.call(kind, |api, owner| api.put(&path).bearer(owner).json(json!({ "role": role }))).await;
    }

    async fn change_role(&mut self, kind: &'static str, permissions: &[&str], access: Access) {
        let path = format!("/v1/organizations/{}/roles/{}", self.organization_id, self.role_id);
        let body = json!({ "permissions": permissions });
        let change = |api: &Api, owner: &str| api.patch(&path).bearer(owner).json(body.clone());
        self.change(kind, &[0, 1], access, change).await;
    }

    async fn set_role(&mut self, kind: &'static str, role: &str, access: Access) {
        let path = self.workspace_member();
        let set = |api: &Api, owner: &str| api.put(&path).bearer(owner).json(json!({"role": role}));
        self.change(kind, &[0, 1], access, set).await;
    }

    async fn remove_from_workspace(&mut self, pause: u64) {
        let path = self.workspace_member();
        let remove = |api: &Api, owner: &str| api.delete(&path).bearer(owner);
        self.change("remove from workspace", &[0, 1], Access::Refused, remove).await;
        self.pause(pause).await;
        self.transfer(self.owner.user_id.clone()).await;
        let path = self.workspace_member();
        self.call("add to workspace", |api, owner| api.put(&path).bearer(owner).json(json!({"role": "editor"}))).await;
        self.transfer(self.creator.user_id.clone()).await;
    }

    async fn remove_from_organization(&mut self, pause: u64) {
        let organization = format!("/v1/organizations/{}", self.organization_id);
        let path = format!("{organization}/members/{}", self.creator.user_id);
        let remove = |api: &Api, owner: &str| api.delete(&path).bearer(owner);
        self.change("remove from organization", &[0, 1], Access::Refused, remove).await;
        self.pause(pause).await;
        self.transfer(self.owner.user_id.clone()).await;
        let (path, email) = (format!("{organization}/invitations"), self.creator.email.clone());
        let grants = json!([{"id": self.workspace_id, "role": "editor"}]);
        let body = json!({"email": email, "role": "member", "workspaces": grants});
        let answer = self.call("invite", |api, owner| api.post(&path).bearer(owner).json(body.clone())).await;
        let (token, creator) = (json!({"token": answer.text_at("/token")}), self.creator.id_token.clone());
        let accept = |api: &Api, _: &str| api.post("/v1/invitations/accept").bearer(&creator).json(token.clone());
        self.call("accept", accept).await;
        self.transfer(self.creator.user_id.clone()).await;
    }

    async fn transfer(&mut self, user_id: String) {
        for key in 0..2 {
            let path = format!("{}/transfer", self.key_path(key));
            let body = json!({"userId": user_id});
            let transfer = |api: &Api, owner: &str| api.post(&path).bearer(owner).json(body.clone());
            self.change("transfer", &[key], Access::Writes, transfer).await;
        }
    }

    async fn cancel(&mut self, pause: u64) {
        let id = self.organization_id.clone();
        let set = |status| vec!["subscription".into(), "set".into(), id.clone(), "--status".into(), status];
        self.command("cancel subscription", set("canceled".to_owned()), Access::Refused).await;
        self.pause(pause).await;
        self.command("renew subscription", set("active".to_owned()), Access::Writes).await;
    }

    async fn disable_account(&mut self, pause: u64) {
        let set = |verb: &str, email: &str| vec!["user".to_owned(), verb.to_owned(), email.to_owned()];
        let email = self.creator.email.clone();
        self.command("disable account", set("disable", &email), Access::Refused).await;
        self.pause(pause).await;
        self.command("enable account", set("enable", &email), Access::Writes).await;
        // That signed the creator out.
        let body = json!({"email": email, "password": self.creator.password, "returnSecureToken": true});
        let path = "/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=test";
        self.creator.id_token =
            self.call("sign in", |api, _| api.post(path).json(body.clone())).await.text_at("/idToken");
    }

    /// One call that changes what the keys may do.
    async fn change(
        &mut self,
        kind: &'static str,
        keys: &[usize],
        access: Access,
        request: impl Fn(&Api, &str) -> Request,
    ) -> Answer {
        keys.iter().for_each(|key| self.keys[*key].probe.begin(access));
        let answer = self.call(kind, request).await;
        keys.iter().for_each(|key| self.keys[*key].probe.answered());
        answer
    }

    /// Sends it to random nodes until one answers. If the first did not, nothing is promised before a while has passed.
    async fn call(&mut self, kind: &'static str, request: impl Fn(&Api, &str) -> Request) -> Answer {
        let (called, before) = (Instant::now(), self.weather.now());
        let mut certain = true;
        loop {
            let started = Instant::now();
            let node = self.random.index(self.nodes.len());
            let outcome = request(&self.nodes[node], &self.owner.id_token).try_send().await;
            let waited = started.elapsed();
            match outcome {
                Ok(answer) if (200..300).contains(&answer.status) => {
                    return self.done(kind, waited, before, certain, answer).await;
                }
                // The try before, which was not answered, has done it.
                Ok(answer) if !certain && [404, 409].contains(&answer.status) => {
                    return self.done(kind, waited, before, certain, answer).await;
                }
                Ok(answer) if answer.status < 500 => panic!("{kind} was answered {} {}", answer.status, answer.text),
                _ => certain = false,
            }
            assert!(called.elapsed() < Duration::from_secs(60), "{kind} was never answered");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The same as a command of the operator's, in a process of its own.
    async fn command(&mut self, kind: &'static str, arguments: Vec<String>, access: Access) {
        self.keys.iter().for_each(|key| key.probe.begin(access));
        let (called, before) = (Instant::now(), self.weather.now());
        let mut certain = true;
        let waited = loop {
            let started = Instant::now();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let mut command = process::command_on(&self.nodes[0].database, &arguments);
            // The nodes have another lease than the default, and the command must know it.
            command.env("KEYWARD__CLUSTER__LEASE", format!("\"{}ms\"", self.lease.as_millis()));
            if process::output(command).await.status.success() {
                break started.elapsed();
            }
            certain = false;
            assert!(called.elapsed() < Duration::from_secs(60), "{kind} never succeeded");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        self.done(kind, waited, before, certain, ()).await;
        self.keys.iter().for_each(|key| key.probe.answered());
    }

    async fn done<T>(&mut self, kind: &'static str, waited: Duration, before: usize, certain: bool, answer: T) -> T {
        let disturbed = !certain || self.weather.was_bad_since(before);
        self.changes.push(Change { kind, waited, disturbed, certain });
        if !certain {
            tokio::time::sleep(self.lease * 2).await;
        }
        answer
    }

    fn key_path(&self, key: usize) -> String {
        format!("/v1/workspaces/{}/api-keys/{}", self.workspace_id, self.keys[key].id)
    }

    fn workspace_member(&self) -> String {
        format!("/v1/workspaces/{}/members/{}", self.workspace_id, self.creator.user_id)
    }
}
