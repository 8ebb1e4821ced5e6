//! The whole URL map on one screen. Each handler names its method and path; this is where it is mounted.

use crate::api::authentication::{AskedBy, Authentication};
use crate::api::collections as api_collections;
use crate::api::{
    api_keys, audit, billing, gateway, health, identity, invitations, leaks, me, members, organizations,
    portal_sessions, roles, sessions, subscriptions, usage, users, whoami, workspaces,
};
use crate::base::config::Config;
use crate::base::policy::PermissionCatalog;
use crate::domain::collections::Collections;
use crate::infra::http::unmatched;
use crate::server::FastPath;
use crate::server::openapi::{self, Documented};
use actix_web::body::BoxBody;
use actix_web::dev::{HttpServiceFactory, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::{App, Error, guard, web};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_actix_web::{AppExt, scope};

/// Makes all that a hot route needs from its row: the route, its place in the document and its fast path.
macro_rules! hot_routes {
    ($($method:ident $path:literal by $asked_by:ident, $handler:path, $document:path, $fast_path:expr;)+) => {
        /// The hot routes, beside the scope of the others: in it actix would look for the scope first and then for the
        /// route, which takes as many instructions as all of authentication. Another method falls through to the scope.
        fn hot(base_path: &str) -> impl HttpServiceFactory + use<> {
            ($(
                web::resource(format!("{base_path}{}", $path))
                    .guard(guard::$method())
                    .wrap(Authentication(AskedBy::$asked_by))
                    .to($handler),
            )+)
        }

        /// Documents the hot routes, which the scope of the others does not mount.
        fn document_hot(scope: &mut ServiceConfig<'_>) {
            $(scope.service(Documented($document));)+
        }

        /// The paths of the hot routes, and what answers them in the usual case.
        pub fn fast_paths(base_path: &str) -> Vec<(String, FastPath)> {
            vec![$((format!("{base_path}{}", $path), $fast_path)),+]
        }

        #[cfg(test)]
        mod tests {
            use super::*;
            use utoipa::Path;
            use utoipa::openapi::HttpMethod;

            #[test]
            fn hot_routes_are_mounted_where_they_are_documented() {
                $(
                    assert_eq!(<$document>::path(), $path);
                    assert!(<$document>::methods() == [HttpMethod::$method]);
                    let answered = match $fast_path {
                        FastPath::Program(_) => HttpMethod::Get,
                        FastPath::Service(_) => HttpMethod::Post,
                    };
                    assert!(answered == HttpMethod::$method);
                )+
            }
        }
    };
}

// The routes that are asked all the time: method and path, who asks, handler, document, fast path.
hot_routes! {
    Get "/whoami" by Client, whoami::whoami, whoami::__path_whoami, FastPath::Program(|key, _, _| whoami::whoami_response(key));
    Post "/keys/verify" by Client, gateway::verify_key, gateway::__path_verify_key, FastPath::Service(gateway::verify_cached);
    Get "/forward-auth" by Proxy, gateway::forward_auth, gateway::__path_forward_auth, FastPath::Program(gateway::forward_auth_response);
}

/// The application's services, and the document that was collected from them.
pub fn assemble(
    config: &Config,
    collections: &Collections,
) -> (
    App<
        impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
        + use<>,
    >,
    OpenApi,
) {
    let api = scope(config.server.base_path.as_str())
        .wrap(Authentication(AskedBy::Client))
        .configure(document_hot)
        // Asked for most of the others, and actix looks at one route after another.
        .service(members::list_members)
        .configure(api_collections::routes(collections))
        .service(me::me)
        .service(sessions::list_sessions)
        .service(sessions::end_session)
        .service(sessions::sign_out)
        .service(sessions::sign_out_others)
        .service(organizations::list_organizations)
        .service(organizations::create_organization)
        .service(organizations::read_organization)
        .service(organizations::rename_organization)
        .service(organizations::delete_organization)
        .service(subscriptions::read_subscription)
        .service(audit::list_audit_events)
        .service(audit::export_audit_events)
        .service(members::list_organization_members)
        .service(members::change_organization_member)
        .service(members::put_organization_member)
        .service(members::remove_organization_member)
        .service(invitations::list_invitations)
        .service(invitations::create_invitation)
        .service(invitations::withdraw_invitation)
        .service(invitations::resend_invitation)
        .service(invitations::accept_invitation)
        .service(roles::list_roles)
        .service(roles::create_role)
        .service(roles::read_role)
        .service(roles::change_role)
        .service(roles::delete_role)
        .service(workspaces::list_workspaces)
        .service(workspaces::create_workspace)
        .service(workspaces::read_workspace)
        .service(workspaces::rename_workspace)
        .service(workspaces::delete_workspace)
        .service(members::list_workspace_members)
        .service(members::put_workspace_member)
        .service(members::remove_workspace_member)
        .service(api_keys::list_api_keys)
        .service(api_keys::create_api_key)
        .service(
            // Before those of one key, whose id it would be taken for.
            scope("/workspaces/{workspaceId}/api-keys/revoke")
                .service(api_keys::revoke_api_keys)
                .default_service(web::to(unmatched)),
        )
        .service(api_keys::read_api_key)
        .service(api_keys::change_api_key)
        .service(api_keys::delete_api_key)
        .service(api_keys::roll_api_key)
        .service(api_keys::disable_api_key)
        .service(api_keys::enable_api_key)
        .service(api_keys::revoke_api_key)
        .service(api_keys::transfer_api_key)
        .service(users::put_user)
        .service(portal_sessions::create_portal_session)
        .service(usage::read_api_key_usage)
        .service(usage::read_workspace_usage)
        .default_service(web::to(unmatched));
    let app = App::new().into_utoipa_app().map(|app| app.service(hot(&config.server.base_path)));
    let app = app.service(health::healthz).service(health::readyz);
    let app = match config.billing.stripe {
        // Before the API's scope, which has its prefix, too: Stripe signs, and has no credential.
        Some(_) => app.service(
            scope(format!("{}/billing/stripe", config.server.base_path).as_str())
                .service(billing::stripe_webhook)
                .default_service(web::to(unmatched)),
        ),
        None => app,
    };
    let app = app
        // Before it, too: the holder can revoke a key that can be used for nothing else.
        .service(
            scope(format!("{}/whoami/revoke", config.server.base_path).as_str())
                .service(api_keys::revoke_held_key)
                .default_service(web::to(unmatched)),
        )
        // GitHub signs, and has no credential.
        .service(
            scope(format!("{}/keys/revoke-leaked", config.server.base_path).as_str())
                .service(leaks::revoke_leaked_keys)
                .default_service(web::to(unmatched)),
        )
        .service(api);
    let app = if config.identity.builtin { app.configure(identity::routes) } else { app };
    let app = if config.docs.enabled && config.identity.builtin { app.configure(identity::docs_routes) } else { app };
    app.default_service(web::to(unmatched)).split_for_parts()
}

/// The OpenAPI document of a configuration.
pub fn document(config: &Config, collections: &Collections) -> OpenApi {
    let (_, collected) = assemble(config, collections);
    openapi::complete(config, collected)
}

/// The collections of a configuration, checked against each other and against every other route.
///
/// # Errors
/// A text for the operator, which names the key.
pub fn compile_collections(config: &Config, catalog: &PermissionCatalog) -> Result<Collections, String> {
    let collections = Collections::compile(config, catalog)?;
    if collections.iter().next().is_some() {
        let (_, document) = assemble(config, &Collections::default());
        collections.ensure_paths_are_free(&config.server.base_path, document.paths.paths.keys())?;
    }
    Ok(collections)
}
