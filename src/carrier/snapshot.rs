//! The roles of a snapshot.

use super::{Boundary, Carried, CarrierError, Documents};
use crate::inventory::{self, Attached, Inventory};

/// The roles of a snapshot file.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<Carried>, CarrierError> {
    Ok(of_inventory(&inventory::parse(file, text)?))
}

/// The roles of a snapshot, each with its policies, boundary and trust policy.
pub fn of_inventory(inventory: &Inventory) -> Vec<Carried> {
    let set = |role: &inventory::Role| {
        let mut identity = Documents::default();
        for attached in &role.policies {
            add(attached, &mut identity);
        }
        let mut trust = Documents::default();
        match &role.trust {
            Some(policy) => trust.policies.push(policy.clone()),
            None => trust.unknown.push(format!("the trust policy of `{}` is not in the snapshot", role.arn)),
        }
        Carried {
            names: vec![role.arn.clone(), role.name.clone(), role.id.clone()],
            is_role: true,
            identity,
            trust,
            boundary: match &role.boundary {
                None => Boundary::None,
                Some(boundary) => Boundary::Policy {
                    arn: boundary.arn.clone().unwrap_or_else(|| boundary.name.clone()),
                    document: boundary.document.clone().map(Box::new),
                },
            },
        }
    };
    inventory.roles().map(set).collect()
}

fn add(attached: &Attached, to: &mut Documents) {
    match (&attached.document, &attached.arn) {
        (Some(policy), _) => to.policies.push(policy.clone()),
        (None, Some(arn)) => _ = to.absent.insert(arn.clone()),
        (None, None) => to.unknown.push(format!(
            "policy `{}` (`{}` at `{}`) cannot be read",
            attached.name, attached.origin.file, attached.origin.at
        )),
    }
}
