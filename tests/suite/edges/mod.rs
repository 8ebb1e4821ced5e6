//! Answers that say what to do, at the edges of a request: bodies that no route takes ([`bodies`]), queries
//! ([`queries`]), HEAD and the headers of browsers ([`browsers`]), pasted blanks ([`pasted`]), repeated requests
//! ([`replays`]), what trails and lists show ([`shown`]), refusals of bodies that are not read ([`early_answers`]), and
//! the words of errors ([`words`]).

mod bodies;
mod browsers;
mod early_answers;
mod pasted;
mod queries;
mod replays;
mod shown;
mod words;

use crate::support::harness::Test;

pub fn tests() -> Vec<Test> {
    [
        bodies::tests(),
        browsers::tests(),
        early_answers::tests(),
        pasted::tests(),
        queries::tests(),
        replays::tests(),
        shown::tests(),
        words::tests(),
        early_answers::tests_once(),
        words::tests_once(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
