// @generated automatically by Diesel CLI.

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    users (id) {
        id -> Text,
        issuer -> Text,
        subject -> Text,
        email -> Nullable<Text>,
        email_verified -> Bool,
        name -> Nullable<Text>,
        disabled_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        trials -> Integer,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    accounts (id) {
        id -> Text,
        email -> Text,
        email_verified -> Bool,
        password_hash -> Text,
        display_name -> Nullable<Text>,
        photo_url -> Nullable<Text>,
        disabled_at -> Nullable<Timestamptz>,
        valid_since -> Timestamptz,
        password_updated_at -> Timestamptz,
        last_login_at -> Timestamptz,
        last_refresh_at -> Timestamptz,
        created_at -> Timestamptz,
        normal_email -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    refresh_tokens (hash) {
        hash -> Binary,
        account_id -> Text,
        authenticated_at -> Timestamptz,
        created_at -> Timestamptz,
        session_id -> Nullable<Text>,
        replaced_at -> Nullable<Timestamptz>,
        successor_salt -> Nullable<Binary>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    password_costs (cost) {
        cost -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    sessions (id) {
        id -> Text,
        account_id -> Text,
        authenticated_at -> Timestamptz,
        lifetime_starts_at -> Timestamptz,
        last_used_at -> Timestamptz,
        family_hash -> Nullable<Binary>,
        user_agent -> Nullable<Text>,
        address -> Nullable<Text>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    signing_keys (id) {
        id -> Text,
        sealed_private_key -> Binary,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    organizations (id) {
        id -> Text,
        name -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    subscriptions (organization_id) {
        organization_id -> Text,
        status -> Text,
        plan -> Text,
        trial_ends_at -> Nullable<Timestamptz>,
        current_period_end -> Nullable<Timestamptz>,
        updated_at -> Timestamptz,
        grace_ends_at -> Nullable<Timestamptz>,
        later -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    organization_members (id) {
        id -> Text,
        organization_id -> Text,
        user_id -> Text,
        role -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    workspaces (id) {
        id -> Text,
        organization_id -> Text,
        name -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    workspace_members (workspace_id, user_id) {
        workspace_id -> Text,
        organization_id -> Text,
        user_id -> Text,
        role -> Text,
        created_at -> Timestamptz,
        role_id -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    roles (id) {
        id -> Text,
        organization_id -> Text,
        name -> Text,
        description -> Nullable<Text>,
        permissions -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    invitations (id) {
        id -> Text,
        organization_id -> Text,
        email -> Text,
        role -> Text,
        token_hash -> Binary,
        expires_at -> Timestamptz,
        created_at -> Timestamptz,
        mailed_token_hash -> Nullable<Binary>,
        invited_by -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    invitation_workspaces (invitation_id, workspace_id) {
        invitation_id -> Text,
        organization_id -> Text,
        workspace_id -> Text,
        role -> Text,
        role_id -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    api_keys (id) {
        id -> Text,
        organization_id -> Text,
        workspace_id -> Text,
        creator_id -> Text,
        name -> Nullable<Text>,
        preview -> Text,
        scope -> Text,
        allowed_ips -> Text,
        expires_at -> Nullable<Timestamptz>,
        disabled_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        orphaned_at -> Nullable<Timestamptz>,
        overlap_ends_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        role_limit -> Nullable<Text>,
        permissions -> Nullable<Text>,
        last_permissions -> Nullable<Text>,
        reason -> Nullable<Text>,
        comment -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    api_key_secrets (hash) {
        hash -> Binary,
        api_key_id -> Text,
        valid_until -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    api_key_usage (api_key_id, hour) {
        api_key_id -> Text,
        hour -> Integer,
        organization_id -> Text,
        workspace_id -> Text,
        admitted -> BigInt,
        limited -> BigInt,
        refused -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    imported_keys (hash) {
        hash -> Binary,
        imported_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    idempotency_keys (caller_id, idempotency_key) {
        caller_id -> Text,
        idempotency_key -> Text,
        fingerprint -> Binary,
        resource_id -> Text,
        created_at -> Timestamptz,
        answer -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    service_tokens (id) {
        id -> Text,
        name -> Text,
        hash -> Binary,
        preview -> Text,
        revoked_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        permissions -> Text,
        organization_id -> Nullable<Text>,
        expires_at -> Nullable<Timestamptz>,
        former_hash -> Nullable<Binary>,
        former_ends_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    oob_codes (hash) {
        hash -> Binary,
        account_id -> Text,
        purpose -> Text,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    orphaned_refresh_tokens (hash) {
        hash -> Binary,
        deleted_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    cluster_nodes (id) {
        id -> Text,
        beat -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    access_changes (id) {
        id -> BigInt,
        touched -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    audit_events (organization_id, sequence) {
        organization_id -> Text,
        sequence -> BigInt,
        id -> Text,
        workspace_id -> Nullable<Text>,
        actor_kind -> Text,
        actor_id -> Nullable<Text>,
        actor_name -> Nullable<Text>,
        actor_email -> Nullable<Text>,
        action -> Text,
        target_kind -> Text,
        target_id -> Text,
        target_name -> Nullable<Text>,
        state_before -> Nullable<Text>,
        state_after -> Nullable<Text>,
        address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        request_id -> Nullable<Text>,
        occurred_at -> Timestamptz,
        hash -> Binary,
        on_behalf_of -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    audit_heads (organization_id) {
        organization_id -> Text,
        sequence -> BigInt,
        hash -> Binary,
        pruned_sequence -> BigInt,
        pruned_hash -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    stripe_events (id) {
        id -> Text,
        received_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    stripe_customers (id) {
        id -> Text,
        organization_id -> Nullable<Text>,
        tied_at -> BigInt,
        tied_by -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    stripe_subscriptions (id) {
        id -> Text,
        customer_id -> Text,
        session_organization_id -> Nullable<Text>,
        organization_id -> Nullable<Text>,
        history -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;

    accepted_invitations (token_hash) {
        token_hash -> Binary,
        organization_id -> Text,
        user_id -> Text,
    }
}

diesel::joinable!(accepted_invitations -> organizations (organization_id));
diesel::joinable!(accepted_invitations -> users (user_id));
diesel::joinable!(api_key_secrets -> api_keys (api_key_id));
diesel::joinable!(api_keys -> users (creator_id));
diesel::joinable!(api_keys -> workspaces (workspace_id));
diesel::joinable!(invitation_workspaces -> invitations (invitation_id));
diesel::joinable!(invitation_workspaces -> workspaces (workspace_id));
diesel::joinable!(invitations -> organizations (organization_id));
diesel::joinable!(invitations -> users (invited_by));
diesel::joinable!(oob_codes -> accounts (account_id));
diesel::joinable!(organization_members -> organizations (organization_id));
diesel::joinable!(organization_members -> users (user_id));
diesel::joinable!(refresh_tokens -> accounts (account_id));
diesel::joinable!(refresh_tokens -> sessions (session_id));
diesel::joinable!(roles -> organizations (organization_id));
diesel::joinable!(sessions -> accounts (account_id));
diesel::joinable!(subscriptions -> organizations (organization_id));
diesel::joinable!(workspace_members -> workspaces (workspace_id));
diesel::joinable!(workspaces -> organizations (organization_id));

diesel::table! {
    use diesel::sql_types::*;

    collections (name) {
        name -> Text,
        parent -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::base::sql::sql_types::Timestamptz;
    use crate::base::sql::sql_types::Jsonb;

    documents (id) {
        id -> Text,
        organization_id -> Text,
        workspace_id -> Text,
        collection -> Text,
        parent_id -> Nullable<Text>,
        body -> Jsonb,
        version -> Int8,
        created_by -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    accepted_invitations,
    access_changes,
    accounts,
    api_key_secrets,
    api_key_usage,
    api_keys,
    audit_events,
    audit_heads,
    cluster_nodes,
    collections,
    documents,
    idempotency_keys,
    imported_keys,
    invitation_workspaces,
    invitations,
    oob_codes,
    organization_members,
    organizations,
    orphaned_refresh_tokens,
    password_costs,
    refresh_tokens,
    roles,
    service_tokens,
    sessions,
    signing_keys,
    stripe_customers,
    stripe_events,
    stripe_subscriptions,
    subscriptions,
    users,
    workspace_members,
    workspaces,
);
