//! Users that a service makes, for people whom Keyward knows by no ID token yet.
//!
//! A service names a user by issuer and subject. What it says of a user is a claim of its own, never a verified one:
//!
//! | issuer | a new user | what it may change |
//! |---|---|---|
//! | `external` | is made; can't sign in | address and name |
//! | one of `identity.issuers` | is made; the first ID token finds the user | the name, and an address that is not verified; each ID token says both again |
//! | `builtin` | is not made: an account signs up | nothing: the account has both |

mod input;

pub use input::{OwnerInput, Subject};

use crate::base::config::Config;
use crate::base::error::{ApiError, Code};
use crate::base::ids::UserId;
use crate::base::sql::schema::users;
use crate::base::sql::{Columns, Conn, each};
use crate::base::time::Timestamp;
use crate::domain::audit::Action;
use crate::domain::changes::AccessChange;
use crate::domain::identity::BUILTIN_ISSUER;
use crate::domain::members::OrganizationMember;
use crate::domain::tenancy::User;
use diesel::prelude::*;
use serde_json::json;

/// The issuer of users who can't sign in.
pub const EXTERNAL_ISSUER: &str = "external";

/// Whose user it is, and what a service says of the user. `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Clone, Debug)]
pub struct UserClaims {
    pub issuer: String,
    pub subject: String,
    /// In its normal form.
    pub email: Option<Option<String>>,
    pub name: Option<Option<String>>,
}

impl UserClaims {
    /// Checks that the issuer is one that users can have here.
    ///
    /// # Errors
    /// `validation_failed`
    pub fn check(&self, config: &Config, field: &'static str) -> Result<(), ApiError> {
        let configured = config.identity.issuers.iter().map(|issuer| issuer.name());
        let builtin = config.identity.builtin.then(|| BUILTIN_ISSUER.to_owned());
        let known: Vec<String> = std::iter::once(EXTERNAL_ISSUER.to_owned()).chain(builtin).chain(configured).collect();
        match known.contains(&self.issuer) {
            true => Ok(()),
            false => Err(ApiError::invalid(field, format!("must be one of: {}", known.join(", ")))),
        }
    }

    /// Makes the user, or changes what is known of the user.
    ///
    /// # Errors
    /// `validation_failed` for a user of the built-in provider who is not there, or whose account says otherwise; `conflict`
    /// for a verified address.
    pub fn upsert(self, conn: &mut Conn, access_change: &mut AccessChange, now: Timestamp) -> Result<User, ApiError> {
        let before = self.find_or_make(conn, "subject", now)?;
        let email = self.email.unwrap_or_else(|| before.email.clone());
        let name = self.name.unwrap_or_else(|| before.name.clone());
        if self.issuer == BUILTIN_ISSUER {
            for (field, is_other) in [("email", email != before.email), ("name", name != before.name)] {
                if is_other {
                    return Err(ApiError::invalid(
                        field,
                        "must be left out: the account at the built-in provider has it",
                    ));
                }
            }
        }
        if before.email_verified && email != before.email {
            let message =
                "The user's address is verified by its issuer. Leave email out, or send the verified address.";
            return Err(ApiError::with_message(Code::Conflict, message));
        }
        if (&email, &name) == (&before.email, &before.name) {
            return Ok(before);
        }
        let after: User = diesel::update(users::table.find(before.id))
            .set((users::email.eq(email), users::name.eq(name)))
            .returning(User::columns())
            .get_result(conn)?;
        let facts = |user: &User| json!({ "email": user.email, "name": user.name });
        for entry in OrganizationMember::entries_everywhere(conn, Action::UserChanged, after.id)? {
            access_change.audit_only(entry.changed(facts(&before), facts(&after)));
        }
        Ok(after)
    }

    /// Returns the user who should own an organization, and makes one who is new. A known user stays as it is.
    ///
    /// # Errors
    /// `validation_failed` for a disabled user, and for one of the built-in provider who is not there.
    pub fn owner(self, conn: &mut Conn, now: Timestamp) -> Result<UserId, ApiError> {
        let owner = self.find_or_make(conn, "owner.subject", now)?;
        match owner.status().can_act() {
            true => Ok(owner.id),
            false => Err(ApiError::invalid("owner", "must be a user who is not disabled")),
        }
    }

    /// Returns the user, locked until the transaction ends. A new one has the claims.
    fn find_or_make(&self, conn: &mut Conn, field: &'static str, now: Timestamp) -> Result<User, ApiError> {
        if let Some(user) = self.locked(conn)? {
            return Ok(user);
        }
        if self.issuer == BUILTIN_ISSUER {
            let message = "must be the id of an account at the built-in provider that has signed in";
            return Err(ApiError::invalid(field, message));
        }
        let row = (
            users::id.eq(UserId::new()),
            users::issuer.eq(&self.issuer),
            users::subject.eq(&self.subject),
            users::email.eq(self.email.as_ref().and_then(Option::as_ref)),
            users::email_verified.eq(false),
            users::name.eq(self.name.as_ref().and_then(Option::as_ref)),
            users::created_at.eq(now),
        );
        // Of two first requests at once, the second finds the user of the first.
        each!(conn, |native| diesel::insert_into(users::table).values(row).on_conflict_do_nothing().execute(native))?;
        self.locked(conn)?.ok_or_else(ApiError::not_found)
    }

    fn locked(&self, conn: &mut Conn) -> Result<Option<User>, ApiError> {
        let own = users::issuer.eq(&self.issuer).and(users::subject.eq(&self.subject));
        let Some(id) = users::table.filter(own).select(users::id).first(conn).optional()? else { return Ok(None) };
        User::hold(conn, id)?;
        User::of_id(conn, id)
    }
}
