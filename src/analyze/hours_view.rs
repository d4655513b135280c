//! How much of the window the logs cover, over all accounts.

use std::collections::BTreeSet;

use super::Settings;
use crate::inventory::{Inventory, Organization};
use crate::report;
use crate::rightsize::Coverage;

/// The hours of all accounts that should have logs, or do.
pub(super) fn hours(
    settings: &Settings,
    inventory: &Inventory,
    shown: &Coverage<'_>,
) -> report::CoveredHours {
    let mut accounts: BTreeSet<&str> = inventory.accounts.keys().map(String::as_str).collect();
    accounts.extend(shown.accounts());
    // An organization's trail delivers for every account of it, those nobody read a snapshot of included.
    let has_trail = inventory.trails.iter().any(|trail| trail.is_organization);
    accounts
        .extend(inventory.organization.iter().filter(|_| has_trail).flat_map(Organization::active_accounts));
    accounts.extend(settings.expected_accounts.iter().map(String::as_str));
    let wanted = |account: &&str| {
        settings.accounts.is_empty() || settings.accounts.iter().any(|wanted| wanted == account)
    };
    let mut total = report::CoveredHours {
        required: settings.min_coverage.map(|per_mille| f64::from(per_mille) / 10.0),
        ..report::CoveredHours::default()
    };
    for account in accounts.into_iter().filter(wanted) {
        let hours = shown.hours(account);
        total.all += hours.all;
        total.covered += hours.covered;
        if hours.covered < hours.all {
            total.lacking.push(report::AccountHours {
                account: account.to_owned(),
                all: hours.all,
                covered: hours.covered,
            });
        }
    }
    let per_mille = (u128::from(total.covered) * 1_000).checked_div(u128::from(total.all)).unwrap_or(0);
    total.percent = f64::from(u32::try_from(per_mille).unwrap_or(0)) / 10.0;
    total
}
