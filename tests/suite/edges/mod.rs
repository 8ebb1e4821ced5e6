//! Answers that say what to do, at the edges of a request: bodies that no route takes ([`bodies`]), queries
//! ([`queries`]), HEAD and the headers of browsers ([`browsers`]), pasted blanks ([`pasted`]), repeated requests
//! ([`replays`]), and what trails and lists show ([`shown`]).

mod bodies;
mod browsers;
mod pasted;
mod queries;
mod replays;
mod shown;

use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [bodies::tests(), browsers::tests(), pasted::tests(), queries::tests(), replays::tests(), shown::tests()]
        .into_iter()
        .flatten()
        .collect()
}
