//! Services with permissions: tokens ([`tokens`]), users without an ID token ([`users`]), calls for a member ([`members`]),
//! portal sessions ([`portal`], [`browsers`]), and the guide ([`guide`]). The matrices try every route.

mod browsers;
mod guide;
mod members;
mod portal;
mod tokens;
mod users;

use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [browsers::tests(), guide::tests(), members::tests(), portal::tests(), tokens::tests(), users::tests()]
        .into_iter()
        .flatten()
        .collect()
}
