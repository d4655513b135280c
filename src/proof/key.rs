//! What is known of the values of condition keys.

use std::collections::HashMap;
use std::sync::OnceLock;

/// The kind of value a key holds when it is present.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Text, or not known: what does not parse as a number, date, address or boolean is possible.
    Text,
    /// Several values.
    List,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A date.
    Date,
    /// An address.
    Ip,
    /// An ARN.
    Arn,
}

fn table() -> &'static HashMap<&'static str, Kind> {
    static TABLE: OnceLock<HashMap<&'static str, Kind>> = OnceLock::new();
    TABLE.get_or_init(|| {
        include_str!("keys.tsv")
            .lines()
            .filter_map(|line| {
                let (key, kind) = line.split_once('\t')?;
                let kind = match kind {
                    "list" => Kind::List,
                    "bool" => Kind::Bool,
                    "number" => Kind::Number,
                    "date" => Kind::Date,
                    "ip" => Kind::Ip,
                    "arn" => Kind::Arn,
                    _ => return None,
                };
                Some((key, kind))
            })
            .collect()
    })
}

/// The kind of a key, given in lower case.
pub(super) fn kind(key: &str) -> Kind {
    // The authentication methods of an identity provider, whose host name is the key's prefix.
    if key.ends_with(":amr") {
        return Kind::List;
    }
    let table = table();
    if let Some(kind) = table.get(key) {
        return *kind;
    }
    let family = key.rfind(['/', ':']).and_then(|at| key.get(..=at)).and_then(|family| table.get(family));
    family.copied().unwrap_or(Kind::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_global_service_and_family_keys() {
        for (key, expected) in [
            ("aws:tagkeys", Kind::List),
            ("aws:securetransport", Kind::Bool),
            ("aws:sourceip", Kind::Ip),
            ("aws:principalarn", Kind::Arn),
            ("s3:max-keys", Kind::Number),
            ("aws:principaltag/team", Kind::Text),
            ("s3:existingobjecttag/x", Kind::Text),
            ("auth.example.com:amr", Kind::List),
            ("no-such:key", Kind::Text),
        ] {
            assert_eq!(kind(key), expected, "{key}");
        }
        assert!(table().len() > 500, "the table is read: {}", table().len());
    }
}
