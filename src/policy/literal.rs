//! Values of conditions whose form both validation and evaluation must know.

use std::net::IpAddr;
use std::str::FromStr;

use crate::ident::Time;

/// A moment in nanoseconds: ISO 8601 as W3C profiles it, or seconds since the epoch. Counts too large for seconds are milliseconds.
pub(crate) fn instant(text: &str) -> Option<i128> {
    const NANOS: i128 = 1_000_000_000;
    // Seconds reach this in the year 5138, milliseconds did in 1973.
    const LARGEST_SECONDS: i128 = 100_000_000_000;
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.len() != 4 && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        let count: i128 = text.parse::<i64>().ok()?.into();
        let in_seconds = count.abs() < LARGEST_SECONDS;
        return Some(if in_seconds { count * NANOS } else { count * (NANOS / 1000) });
    }
    let whole = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    let seconds = i128::from(Time::from_str(&whole).ok()?.unix());
    let fraction = text.split_once(['.', ',']).map_or("", |(_, after)| after);
    let nanos = fraction
        .chars()
        .map_while(|c| c.to_digit(10))
        .chain(std::iter::repeat(0))
        .take(9)
        .fold(0, |nanos, digit| nanos * 10 + i128::from(digit));
    Some(seconds * NANOS + nanos)
}

/// A range of addresses of one family.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct AddressRange {
    /// IPv6, and not an IPv4 address in disguise.
    pub(crate) v6: bool,
    /// First address.
    pub(crate) first: u128,
    /// Last address.
    pub(crate) last: u128,
}

impl AddressRange {
    /// Whether all of `other` lies inside.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        self.v6 == other.v6 && self.first <= other.first && other.last <= self.last
    }
}

/// An address or a CIDR block. IPv4 in IPv6 form counts as IPv4; a prefix shorter than that form's own spans both families and is none.
pub(crate) fn address_range(text: &str) -> Option<AddressRange> {
    let text = text.trim();
    let (address, length) = match text.split_once('/') {
        Some((address, length)) if !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit()) => {
            (address, Some(length.parse::<u32>().ok()?))
        }
        Some(_) => return None,
        None => (text, None),
    };
    let (v6, bits, width, length) = match address.parse::<IpAddr>().ok()? {
        IpAddr::V4(v4) => (false, u128::from(u32::from(v4)), 32, length),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => {
                let length = match length {
                    Some(length) => Some(length.checked_sub(96)?),
                    None => None,
                };
                (false, u128::from(u32::from(v4)), 32, length)
            }
            None => (true, u128::from(v6), 128, length),
        },
    };
    let length = length.unwrap_or(width);
    if length > width {
        return None;
    }
    let host = if length == 0 && width == 128 { u128::MAX } else { (1_u128 << (width - length)) - 1 };
    let first = bits & !host;
    Some(AddressRange { v6, first, last: first | host })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_ranges_and_a_disguised_address_is_itself() {
        let range = |text| address_range(text).map(|b| (b.v6, b.first, b.last));
        assert_eq!(range("10.0.0.0/31"), Some((false, 0x0a00_0000, 0x0a00_0001)));
        assert_eq!(range("::ffff:10.0.0.1"), range("10.0.0.1/32"));
        assert_eq!(range("::ffff:10.0.0.0/104"), range("10.0.0.0/8"));
        assert_eq!(range("::/0"), Some((true, 0, u128::MAX)));
        for text in ["10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "::ffff:10.0.0.0/95", "x"] {
            assert_eq!(range(text), None, "{text}");
        }
        let holds = |block, address| address_range(block).unwrap().holds(&address_range(address).unwrap());
        assert!(
            holds("10.0.0.0/8", "10.1.2.3") && !holds("10.0.0.0/8", "11.0.0.0") && !holds("::/0", "10.0.0.1")
        );
    }

    #[test]
    fn moments_in_all_documented_forms_are_one() {
        let all = ["2024-01-01", "2024", "2024-01", "2024-01-01T00:00:00Z", "1704067200", "1704067200000"];
        assert!(all.iter().all(|text| instant(text) == instant("2024-01-01T01:00:00.000+01:00")), "{all:?}");
        assert!(instant("2024-01-01T00:00:00.25Z") < instant("2024-01-01T00:00:00.3Z"));
        assert_eq!(instant("a"), None);
    }
}
