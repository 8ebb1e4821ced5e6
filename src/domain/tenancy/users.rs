//! Rows of `users`.

use crate::base::error::{ApiError, Code};
use crate::base::ids::UserId;
use crate::base::sql::schema::users;
use crate::base::sql::{Columns, Conn, each};
use crate::base::time::Timestamp;
use diesel::prelude::*;

/// A person, known by the issuer and subject of an ID token.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct User {
    /// Keyward's own id.
    pub id: UserId,
    /// The address of the last token, in lower case.
    pub email: Option<String>,
    /// Whether the issuer vouches for the address.
    pub email_verified: bool,
    /// The name to show.
    pub name: Option<String>,
    /// Since when the operator lets this person do nothing.
    pub disabled_at: Option<Timestamp>,
}

/// What a verified ID token says of a person.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Who vouches: the name of a configured issuer.
    pub issuer: String,
    /// The person, among the issuer's.
    pub subject: String,
    /// The address, in lower case.
    pub email: Option<String>,
    /// Whether the issuer vouches for it.
    pub email_verified: bool,
    /// The name to show.
    pub name: Option<String>,
}

impl User {
    /// The user of a profile: made at the first valid token, brought up to date when the profile changed.
    ///
    /// One SELECT when nothing changed, which is the rule.
    ///
    /// # Errors
    /// Those of the database.
    pub fn of_profile(conn: &mut Conn, profile: &Profile, now: Timestamp) -> Result<Self, ApiError> {
        let found = Self::find(conn, profile)?;
        if let Some(user) = &found
            && (&user.email, user.email_verified, &user.name) == (&profile.email, profile.email_verified, &profile.name)
        {
            return Ok(user.clone());
        }
        conn.write(|conn| {
            let row = (
                users::id.eq(UserId::new()),
                users::issuer.eq(&profile.issuer),
                users::subject.eq(&profile.subject),
                users::created_at.eq(now),
            );
            // Two first requests at once make one user.
            each!(conn, |native| diesel::insert_into(users::table)
                .values(row)
                .on_conflict_do_nothing()
                .execute(native))?;
            let user = diesel::update(users::table)
                .filter(users::issuer.eq(&profile.issuer).and(users::subject.eq(&profile.subject)))
                .set((
                    users::email.eq(&profile.email),
                    users::email_verified.eq(profile.email_verified),
                    users::name.eq(&profile.name),
                ))
                .returning(Self::columns())
                .get_result(conn)?;
            Ok(user)
        })
    }

    /// Holds the person until the transaction ends: who joins or makes an organization is not deleted meanwhile.
    ///
    /// An update that changes nothing, because `FOR UPDATE` would also hold up whatever refers to the row.
    ///
    /// # Errors
    /// `invalid_id_token` for a person who was deleted or disabled, or those of the database.
    pub fn lock(conn: &mut Conn, id: UserId) -> Result<(), ApiError> {
        let disabled_at: Option<Timestamp> = diesel::update(users::table.find(id))
            .set(users::disabled_at.eq(users::disabled_at))
            .returning(users::disabled_at)
            .get_result(conn)?;
        if disabled_at.is_some() { Err(Code::InvalidIdToken.into()) } else { Ok(()) }
    }

    fn find(conn: &mut Conn, profile: &Profile) -> Result<Option<Self>, ApiError> {
        Ok(users::table
            .filter(users::issuer.eq(&profile.issuer).and(users::subject.eq(&profile.subject)))
            .select(Self::as_select())
            .first(conn)
            .optional()?)
    }
}
