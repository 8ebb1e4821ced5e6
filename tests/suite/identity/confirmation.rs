//! A confirmed address ends the sessions from before that are not the confirming person's: another person may have signed
//! up with the address.

use super::mailed_codes::{code_of, start};
use super::rest::{assert_firebase_error, call, sign_in};
use crate::audit::trail;
use crate::invitations::mails::token_in;
use crate::support::http::{Answer, Api};
use crate::support::smtp::Smtp;
use crate::support::tenant::User;
use crate::support::{Backend, Tenant, tests};
use serde_json::json;

tests![
    a_confirmed_address_signs_out_the_stranger_who_signed_up_with_it,
    a_confirmed_address_keeps_the_session_whose_token_is_sent_along,
    a_confirmed_address_keeps_the_sessions_of_the_same_browser,
    a_token_of_another_account_keeps_no_session,
    a_second_confirmation_ends_nothing,
    a_mailed_invitation_confirms_the_address_and_ends_the_other_sessions,
];

const STRANGER: &str = "Stranger/1.0";
const OWNER: &str = "Owner/1.0";

/// The code that the account of this token has mailed.
async fn mailed_code(server: &Api, smtp: &Smtp, id_token: &str) -> String {
    let place = smtp.count() + 1;
    call(server, "sendOobCode", json!({ "requestType": "VERIFY_EMAIL", "idToken": id_token })).await.expect(200);
    code_of(&smtp.mail(place).await)
}

/// A session of the user's account that begins in a browser with this `User-Agent`.
async fn sign_in_by(server: &Api, user: &User, user_agent: &str) -> Answer {
    let path = "/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=any";
    let body = json!({ "email": user.email, "password": user.password, "returnSecureToken": true });
    server.post(path).header("user-agent", user_agent).json(body).send().await.expect(200)
}

/// Confirms the address on the page that the mailed link opens.
async fn confirm_by(server: &Api, code: &str, user_agent: &str) {
    let page = server.post("/__/auth/action").header("user-agent", user_agent).form(&[("oobCode", code)]);
    page.send().await.expect(200);
}

async fn assert_signed_out(server: &Api, session: &Answer) {
    let id_token = session.text_at("/idToken");
    server.get("/v1/me").bearer(&id_token).send().await.expect_error(401, "invalid_id_token");
    assert_firebase_error(&call(server, "lookup", json!({ "idToken": id_token })).await, "TOKEN_EXPIRED");
    assert_firebase_error(&refresh(server, session).await, "TOKEN_EXPIRED");
}

async fn refresh(server: &Api, session: &Answer) -> Answer {
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*session.text_at("/refreshToken"))];
    server.post("/securetoken.googleapis.com/v1/token").form(&form).send().await
}

async fn assert_signed_in(server: &Api, session: &Answer) {
    server.get("/v1/me").bearer(&session.text_at("/idToken")).send().await.expect(200);
    let looked_up = call(server, "lookup", json!({ "idToken": session.text_at("/idToken") })).await.expect(200);
    assert_eq!(looked_up["users"][0]["emailVerified"], true);
    refresh(server, session).await.expect(200);
}

async fn a_confirmed_address_signs_out_the_stranger_who_signed_up_with_it(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::new(&server).await;
    let stranger = sign_in_by(&server, &tenant.owner, STRANGER).await;
    let code = mailed_code(&server, &smtp, &stranger.text_at("/idToken")).await;
    confirm_by(&server, &code, OWNER).await;
    assert_signed_out(&server, &stranger).await;
    assert_eq!(server.database.texts("SELECT id AS text FROM sessions"), [""; 0]);
    let events = trail(&server.database, &tenant.organization_id);
    let event = events.last().expect("an event");
    assert_eq!(
        (&event["action"], &event["after"]),
        (&json!("user.session_ended"), &json!({ "sessions": 2, "reason": "email_confirmed" }))
    );
    sign_in(&server, &tenant.owner.email, &tenant.owner.password).await.expect(200);
}

async fn a_confirmed_address_keeps_the_session_whose_token_is_sent_along(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    let (own, other) = (sign_in_by(&server, &user, OWNER).await, sign_in_by(&server, &user, OWNER).await);
    let code = mailed_code(&server, &smtp, &other.text_at("/idToken")).await;
    call(&server, "update", json!({ "oobCode": code, "idToken": own.text_at("/idToken") })).await.expect(200);
    assert_signed_out(&server, &other).await;
    assert_signed_in(&server, &own).await;
}

async fn a_confirmed_address_keeps_the_sessions_of_the_same_browser(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    let (own, stranger) = (sign_in_by(&server, &user, OWNER).await, sign_in_by(&server, &user, STRANGER).await);
    let code = mailed_code(&server, &smtp, &own.text_at("/idToken")).await;
    confirm_by(&server, &code, OWNER).await;
    assert_signed_out(&server, &stranger).await;
    assert_signed_in(&server, &own).await;
}

async fn a_token_of_another_account_keeps_no_session(db: Backend) {
    let (server, smtp) = start(db).await;
    let (user, other) = (User::sign_up(&server).await, User::sign_up(&server).await);
    let session = sign_in_by(&server, &user, STRANGER).await;
    let code = mailed_code(&server, &smtp, &session.text_at("/idToken")).await;
    call(&server, "update", json!({ "oobCode": code, "idToken": other.id_token })).await.expect(200);
    assert_signed_out(&server, &session).await;
    server.get("/v1/me").bearer(&other.id_token).send().await.expect(200);
}

async fn a_second_confirmation_ends_nothing(db: Backend) {
    let (server, smtp) = start(db).await;
    let user = User::sign_up(&server).await;
    let first = mailed_code(&server, &smtp, &user.id_token).await;
    confirm_by(&server, &first, OWNER).await;
    let session = sign_in_by(&server, &user, OWNER).await;
    let second = mailed_code(&server, &smtp, &session.text_at("/idToken")).await;
    confirm_by(&server, &second, STRANGER).await;
    assert_signed_in(&server, &session).await;
}

async fn a_mailed_invitation_confirms_the_address_and_ends_the_other_sessions(db: Backend) {
    let (server, smtp) = start(db).await;
    let tenant = Tenant::verified(&server).await;
    let user = User::sign_up(&server).await;
    let (own, other) = (sign_in_by(&server, &user, OWNER).await, sign_in_by(&server, &user, OWNER).await);
    tenant.invite(&user.email, "member", &[]).await;
    let token = token_in(&smtp.mail(1).await);
    let accept = server.post("/v1/invitations/accept").bearer(&own.text_at("/idToken"));
    accept.json(json!({ "token": token })).send().await.expect(200);
    assert_signed_out(&server, &other).await;
    assert_signed_in(&server, &own).await;
}
