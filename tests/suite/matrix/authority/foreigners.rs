//! People of another issuer lose what Keyward gave them as others do. Their sessions end at their issuer.

use super::super::callers::Who;
use super::super::failures::Failures;
use super::losses::{Loss, losses};
use super::scene::{Scene, server};
use super::{cell, rows};
use crate::identity::foreigners::Foreigners;
use crate::support::{Backend, tests};

tests![
    a_person_of_openid_connect_who_loses_authority_during_a_request_changes_nothing,
    a_person_of_firebase_who_loses_authority_during_a_request_changes_nothing,
];

async fn a_person_of_openid_connect_who_loses_authority_during_a_request_changes_nothing(db: Backend) {
    all_are_refused(db, Foreigners::of_oidc()).await;
}

async fn a_person_of_firebase_who_loses_authority_during_a_request_changes_nothing(db: Backend) {
    all_are_refused(db, Foreigners::of_firebase()).await;
}

async fn all_are_refused(db: Backend, foreigners: Foreigners) {
    let issuer = foreigners.settings();
    let server = server(db, |config| config.identity.issuers = vec![issuer]).await;
    let scene = Scene { foreigners: Some(foreigners), ..Scene::of(&server).await };
    let mut failures = Failures::default();
    for row in rows().filter(|row| !row.who.is_of_programs() && !matches!(row.who, Who::Service | Who::Backend)) {
        for refused in losses(row.who) {
            let is_given_here = !matches!(refused.0, Loss::SignedOut | Loss::Disabled);
            if is_given_here {
                let holder = scene.holder(row.who, Some(refused.0)).await;
                cell(&scene, &mut failures, row, &holder, *refused).await;
            }
        }
    }
    failures.conclude(60);
}
