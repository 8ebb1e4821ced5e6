//! Steps about people: invitations, roles, removal, and the operator.

use super::super::model::{ORGANIZATION_ADMIN, OWNER, Person, Rank};
use super::super::{set_disabled, sign_in};
use super::{Invitation, PEOPLE, RANKS, Run};
use crate::support::http::Request;
use serde_json::json;

impl Run<'_> {
    pub(super) async fn invite(&mut self) -> String {
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

    pub(super) async fn accept(&mut self) -> String {
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

    pub(super) async fn change_role(&mut self) -> String {
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

    pub(super) async fn change_workspace_role(&mut self) -> String {
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

    pub(super) async fn remove(&mut self) -> String {
        let (by, of, heir, mode) = (self.actor(), self.person(), self.person(), self.mode());
        let query = match self.random.below(2) {
            0 => String::new(),
            _ => format!("?transferKeysTo={}&mode={mode}", self.people[heir].user_id),
        };
        let answer = self.request_about("DELETE", "organization", by, of, &query).send().await;
        let Person { is_member, in_organization, .. } = self.model.people[of];
        if self.note("remove", &answer) {
            // The operator may disable the last owner; then anybody else may go.
            let owners = (0..PEOPLE).filter(|person| *person != of && self.model.stands(*person) == OWNER).count();
            let was_owner = is_member && in_organization == OWNER;
            assert!(owners > 0 || !was_owner, "the organization has no owner who can act");
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

    pub(super) async fn switch(&mut self) -> String {
        let person = self.person();
        let is_disabled = !self.model.people[person].is_disabled && self.random.below(3) == 0;
        set_disabled(self.server, &self.people[person], is_disabled).await;
        if !is_disabled {
            sign_in(self.server, &mut self.people[person]).await;
        }
        self.model.people[person].is_disabled = is_disabled;
        format!("the operator disables {person}: {is_disabled}")
    }
}
