//! Airflow's DAG keys: UUIDv5 of the DAG's id.

use std::collections::HashMap;

use crate::ident::{NAMESPACE_OID, uuid_v5};

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

/// UUIDv5 of a DAG's id, in the namespace Airflow hashes ids in; in lower case.
fn key(dag: &str) -> String {
    uuid_v5(NAMESPACE_OID, dag)
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
