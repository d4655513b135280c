//! Airflow's DAGs: their ids, the keys Airflow makes of them, and the list `airflow dags list --output json` prints.

use serde_json::{Value, json};
use sha1::{Digest, Sha1};

/// DAGs that are seen at work, with the operator that makes their calls.
pub(crate) const ORDERS: (&str, &str) = ("orders_daily", "AthenaOperator");
pub(crate) const INVENTORY: (&str, &str) = ("inventory_sync", "GlueJobOperator");
/// Of the Airflow on ECS, whose list nobody has saved.
pub(crate) const FINANCE: (&str, &str) = ("weekly_finance", "StepFunctionStartExecutionOperator");

/// What the Amazon provider of Airflow adds to the user agent of its calls: the key is the UUIDv5 of the DAG's id in the namespace of object
/// identifiers.
pub(crate) fn agent((dag, operator): (&str, &str)) -> String {
    format!("Airflow/3.0.6 AmPP/9.12.0 Caller/{operator} DagRunKey/{}", key(dag))
}

fn key(dag: &str) -> String {
    // RFC 9562, appendix A: the namespace's bytes, then the name's.
    let namespace = u128::from_str_radix("6ba7b8129dad11d180b400c04fd430c8", 16).unwrap();
    let mut hash = Sha1::new();
    hash.update(namespace.to_be_bytes());
    hash.update(dag.as_bytes());
    let mut number = u128::from_be_bytes(hash.finalize()[..16].try_into().unwrap());
    number &= !(0xf << 76 | 0x3 << 62);
    number |= 0x5 << 76 | 0x2 << 62;
    let text = format!("{number:032x}");
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

/// The list of the Airflow in the cluster; one of its DAGs is paused.
pub(crate) fn list() -> Value {
    let row = |dag: &str, is_paused: bool| {
        json!({"dag_id": dag, "fileloc": format!("/opt/airflow/dags/{dag}.py"), "owners": "data-platform",
            "is_paused": if is_paused { "True" } else { "False" }, "bundle_name": "dags-folder", "bundle_version": null})
    };
    json!([row("backfill_orders", true), row(INVENTORY.0, false), row(ORDERS.0, false)])
}
