//! Last owners, heirs and invitations on two nodes at once: whichever comes first, no authority is left over.

use super::{accept, invite_by, remove, role_of, set_disabled, set_role, transfer, verified};
use crate::support::{Backend, Server, Tenant, tests};
use futures_util::future::{join, join_all};
use serde_json::json;

tests![
    of_two_owners_who_demote_each_other_at_once_one_remains,
    an_owner_who_leaves_while_the_other_is_disabled_leaves_no_organization_without_an_owner,
    keys_are_never_left_with_an_heir_who_is_gone,
    no_invitation_outlives_its_makers_authority,
];

/// How often each race is run.
const ROUNDS: usize = 6;

async fn of_two_owners_who_demote_each_other_at_once_one_remains(db: Backend) {
    let server = Server::start(db).await;
    let node = server.another(|_| {}).await;
    for _ in 0..ROUNDS {
        let tenant = Tenant::new(&server).await;
        let second = tenant.add_member("owner", &[]).await;
        let demotions = join_all([
            set_role(&server, &tenant, &tenant.owner, &second, "member"),
            set_role(&node, &tenant, &second, &tenant.owner, "member"),
        ]);
        let mut statuses: Vec<u16> = demotions.await.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 403]);
    }
}

async fn an_owner_who_leaves_while_the_other_is_disabled_leaves_no_organization_without_an_owner(db: Backend) {
    let server = Server::start(db).await;
    let node = server.another(|_| {}).await;
    let mut left = 0;
    for round in 0..ROUNDS {
        let tenant = Tenant::new(&server).await;
        let second = tenant.add_member("owner", &[]).await;
        let on = if round % 2 == 0 { &server } else { &node };
        let (leaves, ()) =
            join(remove(on, &tenant, &tenant.owner, &tenant.owner, ""), set_disabled(&node, &second, true)).await;
        // The operator may disable the last owner. An owner may not leave after that.
        let members = server.database.texts(&format!(
            "SELECT user_id AS text FROM organization_members WHERE organization_id = '{}'",
            tenant.organization_id
        ));
        match leaves.status {
            200 => left += 1,
            _ => _ = leaves.expect_error(409, "last_owner"),
        }
        assert!(members.contains(&second.user_id));
        let again = remove(&server, &tenant, &tenant.owner, &tenant.owner, "").await;
        again.expect_error(
            if members.len() == 1 { 404 } else { 409 },
            if members.len() == 1 { "not_found" } else { "last_owner" },
        );
    }
    println!("{left} of {ROUNDS} left before the other was disabled");
}

async fn keys_are_never_left_with_an_heir_who_is_gone(db: Backend) {
    let server = Server::start(db).await;
    let node = server.another(|_| {}).await;
    for round in 0..ROUNDS {
        let tenant = Tenant::new(&server).await;
        let (heir, leaver) = (tenant.add_to_workspace("editor").await, tenant.add_to_workspace("editor").await);
        let key = tenant.create_key(&leaver, json!({})).await;
        let query = format!("?transferKeysTo={}", heir.user_id);
        let by_removal = round % 2 == 0;
        let give = async {
            if by_removal {
                return remove(&server, &tenant, &tenant.owner, &leaver, &query).await;
            }
            transfer(&server, &tenant, &tenant.owner.id_token, &key, json!({ "userId": heir.user_id })).await
        };
        let (given, gone) = join(give, remove(&node, &tenant, &tenant.owner, &heir, "")).await;
        gone.expect(200);
        let is_orphaned = role_of(&server, &key.plaintext).await.is_none();
        match given.status {
            // Given to the heir first, whose removal orphaned it.
            200 => assert!(is_orphaned, "the key works on without a creator"),
            _ => {
                given.expect_error(422, "validation_failed");
                assert!(!is_orphaned, "the refused call changed the key");
            }
        }
        for plaintext in [&server, &node] {
            assert_eq!(role_of(plaintext, &key.plaintext).await.is_none(), is_orphaned);
        }
    }
}

async fn no_invitation_outlives_its_makers_authority(db: Backend) {
    let server = Server::start(db).await;
    let node = server.another(|_| {}).await;
    for round in 0..ROUNDS {
        let tenant = Tenant::new(&server).await;
        let maker = tenant.add_member("owner", &[]).await;
        let guest = verified(&server, &format!("race-{round}@example.com")).await;
        let token = invite_by(&server, &tenant, &maker, &guest.email, "owner").await.expect(201).text_at("/token");
        let lose = async {
            match round % 3 {
                0 => _ = remove(&node, &tenant, &tenant.owner, &maker, "").await.expect(200),
                1 => _ = set_role(&node, &tenant, &tenant.owner, &maker, "admin").await.expect(200),
                _ => set_disabled(&node, &maker, true).await,
            }
        };
        let (accepted, ()) = join(accept(&server, &guest, &token), lose).await;
        let of_guest = format!("SELECT role AS text FROM organization_members WHERE user_id = '{}'", guest.user_id);
        let roles = server.database.texts(&of_guest);
        match accepted.status {
            200 => assert_eq!(roles, ["owner"]),
            status => assert!(matches!(status, 403 | 404) && roles.is_empty(), "{status}: {roles:?}"),
        }
        let again = accept(&node, &guest, &token).await;
        match accepted.status {
            200 => assert_eq!(again.expect(200)["role"], "owner"),
            _ => _ = again.expect_error(404, "not_found"),
        }
    }
}
