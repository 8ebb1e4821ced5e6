//! The text of a key: `<prefix><random><checksum>`, such as `sk_live_` and 26 + 6 characters of base 62.
//!
//! The checksum is the CRC-32 of the random part, in the body's own alphabet. It rejects a mistyped key without a
//! database query, and lets secret scanners recognize keys. It is no protection against forgery.

pub(crate) mod allowed_ips;
pub(crate) mod headers;
mod imported_format;

pub use allowed_ips::AllowedIps;
pub use headers::KeyHeaders;

use super::format::imported_format::ImportedFormat;
use crate::base::config::{KeyBody, Keys};
use rand::RngExt;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::fmt;

const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX: &[u8] = b"0123456789abcdef";
/// The number of body characters that a preview shows at each end.
const PREVIEW: usize = 3;

/// A key's full text. Its `Debug` shows nothing, and its memory is wiped on drop.
#[derive(Clone)]
pub struct PlaintextKey(SecretString);

impl PlaintextKey {
    /// Returns the text. The caller may put it only into the one response that shows it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns the SHA-256 to store.
    pub fn hash(&self) -> [u8; 32] {
        self.presented().hash()
    }

    /// Borrows the text for verification.
    pub fn presented(&self) -> PresentedKey<'_> {
        PresentedKey(self.expose())
    }
}

/// A key borrowed from a request, not verified. Its `Debug` shows nothing.
#[derive(Clone, Copy)]
pub struct PresentedKey<'r>(&'r str);

impl<'r> PresentedKey<'r> {
    pub fn new(text: &'r str) -> Self {
        Self(text)
    }

    /// Returns the SHA-256 to store. A fast hash is enough, since 155 random bits can't be guessed.
    pub fn hash(self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl fmt::Debug for PresentedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedKey([redacted])")
    }
}

impl fmt::Debug for PlaintextKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlaintextKey([redacted])")
    }
}

/// The format of this installation's keys: its own and imported ones.
#[derive(Clone, Debug)]
pub struct KeyFormat {
    prefix: String,
    alphabet: &'static [u8],
    /// True at the bytes of the alphabet.
    is_in_alphabet: [bool; 256],
    length: usize,
    checksum_length: usize,
    imported: Box<[ImportedFormat]>,
}

/// The maximum number of characters of a checksum.
const MAX_CHECKSUM_LENGTH: usize = 8;

impl KeyFormat {
    /// Returns the configured format.
    pub fn new(keys: &Keys) -> Self {
        let (alphabet, checksum_length) = match keys.body {
            KeyBody::Base62 => (BASE62, 6),
            KeyBody::Hex => (HEX, MAX_CHECKSUM_LENGTH),
        };
        let own = Self::of(&keys.prefix, alphabet, keys.length, checksum_length);
        Self { imported: keys.imported.iter().map(ImportedFormat::new).collect(), ..own }
    }

    /// A prefix, 26 characters of base 62 and a checksum of 6.
    pub fn base62(prefix: &str) -> Self {
        Self::of(prefix, BASE62, 26, 6)
    }

    fn of(prefix: &str, alphabet: &'static [u8], length: usize, checksum_length: usize) -> Self {
        let mut is_in_alphabet = [false; 256];
        alphabet.iter().for_each(|byte| is_in_alphabet[usize::from(*byte)] = true);
        Self { prefix: prefix.to_owned(), alphabet, is_in_alphabet, length, checksum_length, imported: Box::default() }
    }

    /// Returns a new key from the operating system's random source.
    pub fn generate(&self) -> PlaintextKey {
        let mut rng = rand::rng();
        let random: String =
            (0..self.length).map(|_| char::from(self.alphabet[rng.random_range(0..self.alphabet.len())])).collect();
        let checksum = self.checksum(random.as_bytes());
        let checksum = self.in_alphabet(&checksum).iter().copied().map(char::from).collect::<String>();
        PlaintextKey(format!("{}{random}{checksum}", self.prefix).into())
    }

    /// True when the text starts with the prefix of an own or imported key.
    pub fn has_prefix(&self, text: &str) -> bool {
        self.has_own_prefix(text) || self.imported.iter().any(|format| format.has_prefix(text))
    }

    /// True when a key with this start could be recognized.
    pub(super) fn may_start(&self, start: &str) -> bool {
        let agree = |prefix: &str| start.starts_with(prefix) || prefix.starts_with(start);
        agree(&self.prefix) || self.imported.iter().any(|format| agree(format.prefix()))
    }

    /// True when the text has the form of an own key (prefix, length, alphabet and checksum) or of an imported key.
    /// About 50 ns for an own key, no allocation.
    pub fn recognizes(&self, key: PresentedKey<'_>) -> bool {
        self.is_own(key) || self.imported.iter().any(|format| format.recognizes(key.0))
    }

    fn is_own(&self, key: PresentedKey<'_>) -> bool {
        let Some(body) = key.0.strip_prefix(&self.prefix).map(str::as_bytes) else { return false };
        if body.len() != self.length + self.checksum_length
            || !body.iter().all(|byte| self.is_in_alphabet[usize::from(*byte)])
        {
            return false;
        }
        let (random, checksum) = body.split_at(self.length);
        self.in_alphabet(&self.checksum(random)) == checksum
    }

    /// True when the text starts with the prefix of keys created here.
    pub fn has_own_prefix(&self, text: &str) -> bool {
        text.starts_with(&self.prefix)
    }

    /// Returns the number of characters that a preview shows of a key's start.
    pub fn shown_start(&self) -> usize {
        self.prefix.len() + PREVIEW
    }

    /// Returns the key's preview: `sk_live_abc...xyz`.
    pub fn preview(&self, key: PresentedKey<'_>) -> String {
        let text = key.0;
        let body = text.strip_prefix(&self.prefix).unwrap_or(text);
        let (first, last) = (&body[..PREVIEW], &body[body.len() - PREVIEW..]);
        format!("{}{first}...{last}", self.prefix)
    }

    /// Returns the preview of an own or imported key; `None` for a text that is not recognized.
    pub(super) fn preview_of_any(&self, key: PresentedKey<'_>) -> Option<String> {
        match self.is_own(key) {
            true => Some(self.preview(key)),
            false => self.imported.iter().find_map(|format| format.preview(key.0)),
        }
    }

    /// Returns the checksum's characters, right-aligned.
    fn checksum(&self, random: &[u8]) -> [u8; MAX_CHECKSUM_LENGTH] {
        let base = self.alphabet.len() as u32;
        let mut rest = crc32fast::hash(random);
        let mut digits = [self.alphabet[0]; MAX_CHECKSUM_LENGTH];
        for digit in digits.iter_mut().rev() {
            *digit = self.alphabet[(rest % base) as usize];
            rest /= base;
        }
        digits
    }

    /// Returns the part of the checksum that this format writes: six characters of base 62 hold 32 bits.
    fn in_alphabet<'c>(&self, checksum: &'c [u8; MAX_CHECKSUM_LENGTH]) -> &'c [u8] {
        &checksum[MAX_CHECKSUM_LENGTH - self.checksum_length..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(body: KeyBody, length: usize) -> KeyFormat {
        let (alphabet, checksum_length) = if body == KeyBody::Hex { (HEX, 8) } else { (BASE62, 6) };
        KeyFormat::of("sk_live_", alphabet, length, checksum_length)
    }

    #[test]
    fn fresh_keys_are_recognized_and_any_changed_character_is_not() {
        for format in [format(KeyBody::Base62, 26), format(KeyBody::Hex, 48)] {
            let key = format.generate();
            assert!(format.recognizes(key.presented()));
            for place in 0..key.expose().len() {
                let mut typo = key.expose().to_owned();
                let other = if &typo[place..=place] == "1" { "2" } else { "1" };
                typo.replace_range(place..=place, other);
                assert!(!format.recognizes(PresentedKey(typo.as_str())), "{place}");
            }
        }
    }

    #[test]
    fn the_default_key_has_32_characters_after_its_prefix_and_the_documented_preview() {
        let format = format(KeyBody::Base62, 26);
        let key = format.generate();
        let body = key.expose().strip_prefix("sk_live_").unwrap();
        assert_eq!(body.len(), 32);
        assert_eq!(format.preview(key.presented()), format!("sk_live_{}...{}", &body[..3], &body[29..]));
    }

    #[test]
    fn text_that_is_no_key_is_refused_without_a_panic() {
        let format = format(KeyBody::Base62, 26);
        for text in ["", "sk_live_", "sk_live_é", &"é".repeat(16), &format!("sk_live_{}", "é".repeat(16))] {
            assert!(!format.recognizes(PresentedKey(text)), "{text:?}");
        }
    }

    #[test]
    fn debug_output_hides_the_key() {
        let key = format(KeyBody::Base62, 26).generate();
        assert!(!format!("{key:?} {:?}", key.presented()).contains(key.expose()));
    }

    proptest::proptest! {
        /// No text causes a panic, and only texts with the form of a key are recognized.
        #[test]
        fn any_text_is_recognized_or_not(text in "(sk_live_)?.{0,50}|(sk_live_)?[0-9A-Za-z]{30,34}") {
            let format = KeyFormat::base62("sk_live_");
            let is_formed = text.strip_prefix("sk_live_").is_some_and(|body| {
                body.len() == 32 && body.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
            proptest::prop_assert!(is_formed || !format.recognizes(PresentedKey::new(&text)));
        }

        /// Detects one character that is mistyped, left out, doubled or swapped with the next.
        #[test]
        fn a_slip_of_the_finger_is_noticed(place in 0_usize..40, other in "[0-9A-Za-z_é ]", slip in 0_u8..4) {
            let format = KeyFormat::base62("sk_live_");
            let key = format.generate();
            let mut text: Vec<char> = key.expose().chars().collect();
            match slip {
                0 => text[place] = other.chars().next().unwrap_or_default(),
                1 => { text.remove(place); }
                2 => text.insert(place, text[place]),
                _ => text.swap(place, (place + 1) % 40),
            }
            let text: String = text.into_iter().collect();
            let is_same = text == key.expose();
            proptest::prop_assert_eq!(format.recognizes(PresentedKey::new(&text)), is_same);
        }
    }
}
