//! The SHA-256 of a key, as a file has it.

use crate::base::text::bytes_of_hex;
use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// A SHA-256 in hexadecimal or base64, of either alphabet, padded or not.
pub(super) fn sha256(text: &str) -> Result<[u8; 32], String> {
    let base64 =
        || -> Option<[u8; 32]> { BASE64.decode(text).or_else(|_| BASE64_URL.decode(text)).ok()?.try_into().ok() };
    bytes_of_hex(text).or_else(base64).ok_or_else(|| {
        let length = text.chars().count();
        format!(
            "must be the SHA-256 of the whole key, as 64 hexadecimal digits or as 43 or 44 characters of base64; it has \
             {length}. A key that is hashed in another way can only be imported by its plaintext"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    #[test]
    fn a_sha256_is_taken_in_hex_and_base64_and_nothing_else_is() {
        let hash: [u8; 32] = std::array::from_fn(|place| 255 - place as u8);
        let hex = HEXLOWER.encode(&hash);
        for good in [hex.clone(), hex.to_uppercase(), BASE64.encode(hash), BASE64_URL.encode(hash)] {
            assert_eq!(sha256(&good).unwrap(), hash, "{good}");
            assert_eq!(sha256(good.trim_end_matches('=')).unwrap(), hash, "{good}");
        }
        for bad in [
            "",
            "abc",
            &hex[1..],
            &format!("{hex}00"),
            &"+1".repeat(32),
            "$2b$12$abcdefghijklmnopqrstuv",
            &"é".repeat(32),
        ] {
            assert!(sha256(bad).is_err(), "{bad}");
        }
        assert!(!sha256(&"g".repeat(64)).unwrap_err().contains("ggg"));
    }
}
