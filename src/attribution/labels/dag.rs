//! Airflow's DAG keys: UUIDv5 of the DAG's id.

use std::collections::HashMap;

use sha1::{Digest, Sha1};

/// The namespace Airflow hashes ids in: `NAMESPACE_OID` of RFC 9562.
const NAMESPACE: [u8; 16] =
    [0x6b, 0xa7, 0xb8, 0x12, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];

/// Known DAG ids by key.
pub(super) struct Dags<'a>(HashMap<String, &'a str>);

impl<'a> Dags<'a> {
    pub(super) fn new(ids: &'a [String]) -> Self {
        Self(ids.iter().map(|id| (key(id), id.as_str())).collect())
    }

    /// The DAG of a key in lower case.
    pub(super) fn name(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).copied()
    }
}

/// UUIDv5 of a DAG's id, in lower case.
fn key(dag: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(NAMESPACE);
    hash.update(dag.as_bytes());
    let digest = hash.finalize();
    let mut text = String::with_capacity(36);
    for (at, byte) in digest.iter().take(16).enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Version 5, variant 10.
        let byte = match at {
            6 => byte & 0x0f | 0x50,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_airflow_writes() {
        assert_eq!(key("example_dag"), "678f35b8-00e5-5deb-a595-2a64c2c3bcc6");
        let ids = ["example_dag".to_owned(), "other".to_owned()];
        let dags = Dags::new(&ids);
        assert_eq!(dags.name("678f35b8-00e5-5deb-a595-2a64c2c3bcc6"), Some("example_dag"));
        assert_eq!(dags.name("678f35b8-00e5-5deb-a595-2a64c2c3bcc7"), None);
    }
}
