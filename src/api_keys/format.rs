//! The text of a key: `<prefix><random><checksum>`, such as `sk_live_` and 26 + 6 characters of base 62.
//!
//! The checksum is the CRC-32 of the random part, in the body's own alphabet. It tells a typo from a wrong key without
//! asking the database, and lets secret scanners recognise keys; it protects nothing.

use crate::config::{KeyBody, Keys};
use rand::RngExt;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::fmt;

const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX: &[u8] = b"0123456789abcdef";
/// How many characters of the body a preview shows at each end.
const PREVIEW: usize = 3;

/// A key as its holder has it. Its `Debug` shows nothing, and memory is wiped when it is dropped.
#[derive(Clone)]
pub struct PlaintextKey(SecretString);

impl PlaintextKey {
    /// The text. Whoever calls this answers for where it goes: only into the one response that shows it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// SHA-256 of the text: what is kept. A fast hash is right here, since 155 random bits can't be guessed.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.expose()).into()
    }
}

impl From<&str> for PlaintextKey {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for PlaintextKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlaintextKey([redacted])")
    }
}

/// How this installation's keys look.
#[derive(Clone, Debug)]
pub struct KeyFormat {
    prefix: String,
    alphabet: &'static [u8],
    length: usize,
    checksum_length: usize,
}

impl KeyFormat {
    /// The format that the configuration asks for.
    pub fn new(keys: &Keys) -> Self {
        let (alphabet, checksum_length) = match keys.body {
            KeyBody::Base62 => (BASE62, 6),
            KeyBody::Hex => (HEX, 8),
        };
        Self { prefix: keys.prefix.clone(), alphabet, length: keys.length, checksum_length }
    }

    /// 26 characters of base 62 and their checksum after a prefix.
    pub fn base62(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), alphabet: BASE62, length: 26, checksum_length: 6 }
    }

    /// A fresh key, of the operating system's randomness.
    pub fn generate(&self) -> PlaintextKey {
        let mut rng = rand::rng();
        let random: String =
            (0..self.length).map(|_| char::from(self.alphabet[rng.random_range(0..self.alphabet.len())])).collect();
        let checksum = self.checksum(&random);
        PlaintextKey(format!("{}{random}{checksum}", self.prefix).into())
    }

    /// Whether the text could be one of our keys: prefix, length, alphabet and checksum. No allocation but the checksum's.
    pub fn recognizes(&self, key: &PlaintextKey) -> bool {
        let Some(body) = key.expose().strip_prefix(&self.prefix) else { return false };
        if body.len() != self.length + self.checksum_length || !body.bytes().all(|byte| self.alphabet.contains(&byte)) {
            return false;
        }
        let (random, checksum) = body.split_at(self.length);
        self.checksum(random) == checksum
    }

    /// What may be shown of a key: `sk_live_abc...xyz`.
    pub fn preview(&self, key: &PlaintextKey) -> String {
        let text = key.expose();
        let body = text.strip_prefix(&self.prefix).unwrap_or(text);
        let (first, last) = (&body[..PREVIEW], &body[body.len() - PREVIEW..]);
        format!("{}{first}...{last}", self.prefix)
    }

    fn checksum(&self, random: &str) -> String {
        let base = self.alphabet.len() as u64;
        let mut rest = u64::from(crc32fast::hash(random.as_bytes()));
        let mut digits = vec![self.alphabet[0]; self.checksum_length];
        for digit in digits.iter_mut().rev() {
            *digit = self.alphabet[(rest % base) as usize];
            rest /= base;
        }
        digits.into_iter().map(char::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(body: KeyBody, length: usize) -> KeyFormat {
        let (alphabet, checksum_length) = if body == KeyBody::Hex { (HEX, 8) } else { (BASE62, 6) };
        KeyFormat { prefix: "sk_live_".into(), alphabet, length, checksum_length }
    }

    #[test]
    fn fresh_keys_are_recognized_and_any_changed_character_is_not() {
        for format in [format(KeyBody::Base62, 26), format(KeyBody::Hex, 48)] {
            let key = format.generate();
            assert!(format.recognizes(&key));
            for place in 0..key.expose().len() {
                let mut typo = key.expose().to_owned();
                let other = if &typo[place..=place] == "1" { "2" } else { "1" };
                typo.replace_range(place..=place, other);
                assert!(!format.recognizes(&PlaintextKey::from(typo.as_str())), "{place}");
            }
        }
    }

    #[test]
    fn the_default_key_has_32_characters_after_its_prefix_and_the_documented_preview() {
        let format = format(KeyBody::Base62, 26);
        let key = format.generate();
        let body = key.expose().strip_prefix("sk_live_").unwrap();
        assert_eq!(body.len(), 32);
        assert_eq!(format.preview(&key), format!("sk_live_{}...{}", &body[..3], &body[29..]));
    }

    #[test]
    fn text_that_is_no_key_is_refused_without_a_panic() {
        let format = format(KeyBody::Base62, 26);
        for text in ["", "sk_live_", "sk_live_é", &"é".repeat(16), &format!("sk_live_{}", "é".repeat(16))] {
            assert!(!format.recognizes(&PlaintextKey::from(text)), "{text:?}");
        }
    }

    #[test]
    fn debug_output_hides_the_key() {
        let key = format(KeyBody::Base62, 26).generate();
        assert!(!format!("{key:?}").contains(key.expose()));
    }
}
