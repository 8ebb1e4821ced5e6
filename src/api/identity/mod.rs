//! Endpoints of the built-in provider: Firebase's REST API, the Swagger UI's sign-in, pages, published keys.

mod docs_token;
mod firebase;
mod firebase_account;
mod firebase_account_wire;
mod firebase_wire;
mod pages;
mod well_known;

use utoipa_actix_web::service_config::ServiceConfig;

/// The routes of the built-in provider, at the origin's root. For `identity.builtin` only.
pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(firebase::sign_up)
        .service(firebase::sign_in)
        .service(firebase::look_up)
        .service(firebase_account::update)
        .service(firebase_account::delete)
        .service(firebase_account::send_oob_code)
        .service(firebase_account::reset_password)
        .service(firebase::other_operation)
        .service(firebase::refresh)
        .service(pages::action::action_page)
        .service(pages::action::act)
        .service(pages::reset::reset_page)
        .service(pages::reset::ask_for_reset)
        .service(pages::invitation::invitation_page)
        .service(pages::invitation::join)
        .service(well_known::jwks)
        .service(well_known::certificates)
        .service(well_known::openid_configuration);
}

/// The sign-in of the Swagger UI. For `docs.enabled` only.
pub fn docs_routes(cfg: &mut ServiceConfig) {
    cfg.service(docs_token::docs_token);
}
