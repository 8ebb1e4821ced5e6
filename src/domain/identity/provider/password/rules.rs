//! The rules for new passwords, which hold for all accounts: by NIST SP 800-63B and OWASP ASVS 5.0, 6.2.
//!
//! A password needs a least length, and no digits or special characters. It must not be a common one, and must have at
//! least [`MIN_PARTS`] parts that have to be guessed one by one. A repetition, a sequence such as `6789` or `asdf`, and a
//! word that belongs to the person or the product are one part each, and so is any other character.

use super::super::firebase_error::FirebaseError;
use std::collections::HashSet;
use std::sync::LazyLock;

/// The most characters of a password.
const LENGTH_LIMIT: usize = 4096;
/// The fewest parts of a password.
const MIN_PARTS: usize = 5;
/// The fewest characters of a repetition and of a sequence of neighbours.
const MIN_RUN: usize = 3;
/// The fewest characters of a sequence with wider steps, such as `2468`.
const MIN_WIDE_RUN: usize = 4;
/// The widest step of a sequence.
const MAX_STEP: i64 = 5;
/// The fewest characters of a word of the person or the product. Shorter ones are in too many good passwords.
const MIN_WORD: usize = 4;
/// The product's name.
const PRODUCT: &str = "keyward";

/// The rows of keyboards, and the digits in their order there.
const ROWS: [&str; 10] = [
    "1234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
];

/// The 10,000 most common passwords of six characters or more, in lower case: the head of the list in the crate zxcvbn
/// 3.1.1 (MIT licence), which Dropbox compiled from Mark Burnett's collection of leaked passwords.
static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// The person who chooses a password.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person<'p> {
    pub(crate) email: &'p str,
    pub(crate) name: Option<&'p str>,
}

/// The configured rules.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// The fewest characters.
    pub(super) min_length: usize,
    /// Words of the product, in lower case.
    product_words: Vec<String>,
}

impl Rules {
    /// Makes the rules. Words with fewer than four characters don't count.
    pub(super) fn new<'w>(min_length: usize, words: impl IntoIterator<Item = &'w str>) -> Self {
        Self { min_length, product_words: words_of([PRODUCT].into_iter().chain(words)) }
    }

    /// Checks that a new password is acceptable for this person.
    pub(super) fn check(&self, person: Person<'_>, password: &str) -> Result<(), FirebaseError> {
        let length = password.chars().count();
        if length < self.min_length {
            return Err(FirebaseError::ShortPassword(self.min_length));
        }
        if length > LENGTH_LIMIT {
            return Err(FirebaseError::WeakPassword("Password should be at most 4096 characters"));
        }
        let password = password.to_lowercase();
        if COMMON.contains(password.as_str()) || password == person.email.to_lowercase() {
            return Err(FirebaseError::WeakPassword("Password is too easy to guess"));
        }
        let (local, domain) = person.email.rsplit_once('@').unwrap_or((person.email, ""));
        let address =
            [person.email, local, domain].into_iter().chain(person.email.split(|c: char| !c.is_alphanumeric()));
        let name = person.name.into_iter().chain(person.name.into_iter().flat_map(str::split_whitespace));
        let personal = words_of(address.chain(name));
        let words: Vec<&str> = personal.iter().chain(&self.product_words).map(String::as_str).collect();
        let characters: Vec<char> = shortest_period(password.chars().collect());
        let mut without_doubles = characters.clone();
        without_doubles.dedup();
        if parts(&characters, &[]) < MIN_PARTS || parts(&without_doubles, &[]) < MIN_PARTS {
            return Err(FirebaseError::WeakPassword("Password should not be made of repetitions and sequences"));
        }
        if parts(&characters, &words) < MIN_PARTS {
            let reason = "Password should not be made of your address, your name or the name of this service";
            return Err(FirebaseError::WeakPassword(reason));
        }
        Ok(())
    }
}

/// Returns the words that count, in lower case, longest first.
fn words_of<'w>(words: impl Iterator<Item = &'w str>) -> Vec<String> {
    let mut words: Vec<String> = words.map(str::to_lowercase).filter(|word| word.chars().count() >= MIN_WORD).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.dedup();
    words
}

/// Returns the first period of a text that repeats it to its end; another text as it is.
fn shortest_period(characters: Vec<char>) -> Vec<char> {
    // The prefix function of Knuth, Morris and Pratt: linear, whatever the text.
    let mut borders = vec![0_usize; characters.len()];
    for place in 1..characters.len() {
        let mut border = borders[place - 1];
        while border > 0 && characters[place] != characters[border] {
            border = borders[border - 1];
        }
        borders[place] = border + usize::from(characters[place] == characters[border]);
    }
    let period = characters.len() - borders.last().copied().unwrap_or_default();
    if period * 2 <= characters.len() { characters[..period].to_vec() } else { characters }
}

/// Counts the parts, up to [`MIN_PARTS`].
fn parts(characters: &[char], words: &[&str]) -> usize {
    let (mut parts, mut rest) = (0, characters);
    while !rest.is_empty() && parts < MIN_PARTS {
        let word = words.iter().find(|word| starts_with(rest, word)).map(|word| word.chars().count());
        let length = word.unwrap_or_default().max(run(rest)).max(1);
        rest = &rest[length..];
        parts += 1;
    }
    parts
}

fn starts_with(characters: &[char], word: &str) -> bool {
    let mut rest = characters.iter();
    word.chars().all(|wanted| rest.next() == Some(&wanted))
}

/// Returns the length of the repetition or sequence at the start; 0 for none.
fn run(characters: &[char]) -> usize {
    let steps = |holds: &dyn Fn(char, char) -> bool| {
        1 + characters.windows(2).take_while(|pair| holds(pair[0], pair[1])).count()
    };
    let [first, second, ..] = characters else { return 0 };
    let step = i64::from(u32::from(*second)) - i64::from(u32::from(*first));
    let is_letter_or_digit = first.is_alphanumeric() && second.is_alphanumeric();
    let by_step = match step {
        0 => steps(&|a, b| a == b),
        _ if is_letter_or_digit && step.abs() <= MAX_STEP => {
            steps(&|a, b| b.is_alphanumeric() && i64::from(u32::from(b)) - i64::from(u32::from(a)) == step)
        }
        _ => 0,
    };
    let by_step = by_step * usize::from(by_step >= if step.abs() <= 1 { MIN_RUN } else { MIN_WIDE_RUN });
    let by_row = ROWS.iter().flat_map(|row| [true, false].map(|forward| along(characters, row, forward))).max();
    by_step.max(by_row.filter(|length| *length >= MIN_RUN).unwrap_or_default())
}

/// Returns how many characters at the start follow each other in a row of keys.
fn along(characters: &[char], row: &str, forward: bool) -> usize {
    let row: Vec<char> = if forward { row.chars().collect() } else { row.chars().rev().collect() };
    let Some(start) = characters.first().and_then(|first| row.iter().position(|key| key == first)) else { return 0 };
    characters.iter().zip(&row[start..]).take_while(|(typed, key)| typed == key).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Person<'_> = Person { email: "Ada.Lovelace@example.com", name: Some("Ada Byron King") };

    fn check(min_length: usize, password: &str) -> Result<(), FirebaseError> {
        Rules::new(min_length, ["Acme Cloud", "app"]).check(ADA, password)
    }

    #[test]
    fn a_password_has_the_least_length_and_4096_characters_at_most() {
        assert_eq!(check(6, "x2945"), Err(FirebaseError::ShortPassword(6)));
        assert!(check(6, "x2945y").is_ok() && check(6, "ééöü€𝄞").is_ok());
        assert_eq!(check(8, "x2945yz"), Err(FirebaseError::ShortPassword(8)));
        let long: String = "correct horse battery staple, and so on ".chars().cycle().take(4095).collect();
        assert!(check(6, &format!("{long}!")).is_ok() && check(6, &format!("{long}!!")).is_err());
    }

    #[test]
    fn the_commonest_repetitions_sequences_and_own_words_are_refused() {
        for bad in [
            "password",
            "Password",
            "iloveyou",
            "trustno1",
            "88888888",
            "987654321",
            "abcdefgh",
            "      ",
            "abababab",
            "abcabcabc",
            "zyxwvuts",
            "13579135",
            "qwertzuiop",
            "asdfghjkl",
            "ASDFGHJKL",
            "poiuytrewq",
            "aaaabbbb",
            "aaa111!!!",
            "abcd1234",
            "1234abcd!",
            "11223344556677",
            "абвгдежз",
            "1qaz2wsx3edc",
            "Keyward1",
            "keyward!!!",
            "mykeyward",
            "keywardkeyward",
            "acme cloud 12",
            "ada.lovelace",
            "Lovelace1",
            "ADA.LOVELACE@EXAMPLE.COM",
            "example.com",
            "Byron123",
            "ada byron king",
        ] {
            assert!(matches!(check(6, bad), Err(FirebaseError::WeakPassword(_))), "{bad}");
        }
        assert_eq!(COMMON.len(), 10_000);
    }

    #[test]
    fn nothing_else_is_demanded() {
        for good in [
            "correct horse battery staple",
            "zvkqxw",
            "x2945y",
            "tangerine-battery-1",
            "kwyjibo 2026",
            "Xk9!mmQ2",
            "the keyward of the tower",
            "correct-horse-00000012",
            "日本語のパスワード",
        ] {
            assert_eq!(check(6, good), Ok(()), "{good}");
        }
    }

    #[test]
    fn long_texts_are_checked_in_linear_time() {
        let started = std::time::Instant::now();
        for text in ["a", "ab", "1qaz", "aab"] {
            assert!(check(6, &text.repeat(4096 / text.len())).is_err());
        }
        assert!(started.elapsed() < std::time::Duration::from_secs(2));
    }
}
