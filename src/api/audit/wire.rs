//! Queries of audit events.

use crate::base::ids::{InvitationId, KeyId, OrganizationId, ServiceTokenId, UserId, WorkspaceId};
use crate::base::time::Timestamp;
use crate::domain::audit::{Action, ActorKind, Filter};
use crate::infra::http::PageQuery;
use serde::{Deserialize, Deserializer};
use std::str::FromStr;

/// An actor to filter by: its id, or a kind of actor.
#[derive(Debug)]
pub enum ActorQuery {
    Id(String),
    Kind(ActorKind),
}

impl FromStr for ActorQuery {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_id = is::<UserId>(text) || is::<KeyId>(text) || is::<ServiceTokenId>(text);
        if is_id {
            return Ok(Self::Id(text.to_owned()));
        }
        let kind = text.parse().map(Self::Kind);
        kind.map_err(|_| "actor must be the id of a user, an API key or a service token, or a kind of actor".to_owned())
    }
}

/// The id of a target to filter by.
#[derive(Debug)]
pub struct TargetQuery(String);

impl FromStr for TargetQuery {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_id = is::<UserId>(text)
            || is::<KeyId>(text)
            || is::<InvitationId>(text)
            || is::<WorkspaceId>(text)
            || is::<OrganizationId>(text);
        let id = is_id.then(|| Self(text.to_owned()));
        id.ok_or_else(|| {
            "target must be the id of an organization, a workspace, a user, an invitation or an API key".into()
        })
    }
}

fn is<Id: FromStr>(text: &str) -> bool {
    text.parse::<Id>().is_ok()
}

fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err = String>>(deserializer: D) -> Result<Option<T>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(serde::de::Error::custom)
}

/// Declares a query for events: the filters, then the parameters of `$more`. `serde(flatten)` can't deny unknown
/// parameters.
macro_rules! event_query {
    ($(#[doc = $doc:literal])* $name:ident { $($more:tt)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Deserialize, utoipa::IntoParams)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub struct $name {
            /// Who did it: an id such as `usr_…` or `key_…`, or a kind such as `operator`.
            #[serde(default, deserialize_with = "parsed")]
            #[param(value_type = Option<String>)]
            actor: Option<ActorQuery>,
            /// What was done.
            action: Option<Action>,
            /// The id of what it was done to.
            #[serde(default, deserialize_with = "parsed")]
            #[param(value_type = Option<String>)]
            target: Option<TargetQuery>,
            /// Not before this moment.
            from: Option<Timestamp>,
            /// Before this moment.
            to: Option<Timestamp>,
            $($more)*
        }

        impl $name {
            /// The filters.
            pub(super) fn filter(&self) -> Filter {
                let (actor_kind, actor_id) = match &self.actor {
                    None => (None, None),
                    Some(ActorQuery::Id(id)) => (None, Some(id.clone())),
                    Some(ActorQuery::Kind(kind)) => (Some(*kind), None),
                };
                let target_id = self.target.as_ref().map(|TargetQuery(id)| id.clone());
                Filter { actor_kind, actor_id, action: self.action, target_id, from: self.from, to: self.to }
            }
        }
    };
}

event_query! {
    /// Which events to list.
    AuditQuery {
        /// How many events at most: 1 to 100, 20 if left out.
        #[param(value_type = Option<u16>, minimum = 1, maximum = 100)]
        page_size: Option<String>,
        /// Where to go on: the `nextCursor` of the page before.
        cursor: Option<String>,
    }
}

event_query! {
    /// Which events to export.
    AuditExportQuery {}
}

impl AuditQuery {
    /// The page.
    pub(super) fn into_page(self) -> PageQuery {
        PageQuery::new(self.page_size, self.cursor)
    }
}
