//! [`AddressBlock`]: a block of addresses, in one form.

use crate::base::text::number;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// The length of the part that IPv4 addresses in IPv6 form share, `::ffff:0:0`, in bits.
const MAPPED_BITS: u8 = 96;

/// A block of addresses, such as `203.0.113.0/24`. A single address is a block of one.
///
/// The bits behind the prefix are zero. A block of IPv4 addresses in their IPv6 form (`::ffff:203.0.113.0/120`) is the
/// IPv4 block, since clients' addresses are canonical too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressBlock(IpNet);

impl AddressBlock {
    /// Returns whether the block has this address, in whichever form.
    pub fn contains(&self, address: &IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Returns whether all addresses of `inner` are in `outer`. Adjacent blocks count as one: two halves cover the whole.
    pub fn cover(outer: &[Self], inner: &[Self]) -> bool {
        let whole = IpNet::aggregate(&outer.iter().map(|block| block.0).collect());
        inner.iter().all(|own| whole.iter().any(|block| block.contains(&own.0)))
    }
}

impl FromStr for AddressBlock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || format!("{text:?} must be an address or a block such as 203.0.113.0/24 or 2001:db8::/32");
        if text.contains('%') {
            return Err(format!("{text:?} must not name a zone: leave out the % and what follows it"));
        }
        let (address, length) = match text.split_once('/') {
            None => (text, None),
            Some((address, length)) => (address, Some(number::<u8>(length).ok_or_else(malformed)?)),
        };
        let address: IpAddr = address.parse().map_err(|_| malformed())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let length = length.unwrap_or(bits);
        let (address, length) = match address {
            IpAddr::V6(mapped) if let Some(inner) = mapped.to_ipv4_mapped() => {
                let length = length.checked_sub(MAPPED_BITS).ok_or_else(|| {
                    format!("{text:?} must be written as an IPv4 block, such as {inner}/24, or end with /96 to /128")
                })?;
                (IpAddr::V4(inner), length)
            }
            other => (other, length),
        };
        IpNet::new(address, length).map(|block| Self(block.trunc())).map_err(|_| malformed())
    }
}

impl fmt::Display for AddressBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for AddressBlock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AddressBlock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Reads an address with or without a zone (`fe80::1%eth0`; `%25` in URLs), and returns it in its canonical form.
pub(super) fn canonical_address(text: &str) -> Option<IpAddr> {
    if let Some((address, zone)) = text.split_once('%') {
        let is_zone = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
        let address: Ipv6Addr = address.parse().ok()?;
        return (!zone.is_empty() && zone.bytes().all(is_zone)).then(|| IpAddr::V6(address).to_canonical());
    }
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    fn block(text: &str) -> AddressBlock {
        text.parse().unwrap_or_else(|reason: String| panic!("{reason}"))
    }

    proptest! {
        /// An IPv4 block in its IPv6 form is the IPv4 block: it has the same text and the same addresses.
        #[test]
        fn both_forms_of_an_ipv4_block_are_one(bits: u32, length in 0..=32_u8, other: u32) {
            let (address, other) = (Ipv4Addr::from_bits(bits), Ipv4Addr::from_bits(other));
            let plain = block(&format!("{address}/{length}"));
            for mapped in [address.to_ipv6_mapped().to_string(), format!("::FFFF:{:x}:{:x}", bits >> 16, bits & 0xffff)] {
                prop_assert_eq!(block(&format!("{mapped}/{}", length + 96)), plain);
                for short in 0..96 {
                    let refused = format!("{mapped}/{short}").parse::<AddressBlock>();
                    prop_assert!(refused.is_err_and(|reason| reason.contains("IPv4 block")));
                }
            }
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            let is_in = bits & mask == other.to_bits() & mask;
            prop_assert_eq!(plain.contains(&IpAddr::V4(other)), is_in);
            prop_assert_eq!(plain.contains(&IpAddr::V6(other.to_ipv6_mapped())), is_in);
            prop_assert!(plain.contains(&IpAddr::V4(address)));
        }

        /// The text of a block is read as the same block, and has no bits behind the prefix.
        #[test]
        fn a_blocks_text_is_its_normal_form(bits: u128, length in 0..=128_u8) {
            let address = Ipv6Addr::from_bits(bits);
            prop_assume!(address.to_ipv4_mapped().is_none());
            let parsed = block(&format!("{address}/{length}"));
            prop_assert_eq!(block(&parsed.to_string()), parsed);
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            prop_assert_eq!(parsed.to_string(), format!("{}/{length}", Ipv6Addr::from_bits(bits & mask)));
        }

        /// Any other text is refused without a panic.
        #[test]
        fn any_text_is_a_block_or_refused(text in "[0-9a-fA-F:./%x ]{0,24}") {
            if let Ok(parsed) = text.parse::<AddressBlock>() {
                prop_assert_eq!(block(&parsed.to_string()), parsed);
            }
        }
    }

    #[test]
    fn a_block_is_cut_to_its_network_and_nonsense_is_refused() {
        for (text, normal) in [
            ("203.0.113.9/24", "203.0.113.0/24"),
            ("203.0.113.9", "203.0.113.9/32"),
            ("2001:DB8::1", "2001:db8::1/128"),
            ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
            ("::ffff:203.0.113.9", "203.0.113.9/32"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(block(text).to_string(), normal, "{text}");
        }
        for bad in
            ["", "/", "/8", "everywhere", "203.0.113.0/33", "203.0.113.0/-1", "203.0.113.0/+8", "::/129", "1.2.3/8"]
        {
            assert!(bad.parse::<AddressBlock>().is_err(), "{bad:?}");
        }
        assert!("fe80::1%eth0".parse::<AddressBlock>().unwrap_err().contains("zone"));
    }
}
