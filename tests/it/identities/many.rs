//! Sessions without end of one role.

use leastwise::attribution::{Grade, access, resolve};
use leastwise::inventory::Inventory;
use leastwise::usage::Keep;

use super::log::{Log, provider, role_arn};
use super::{ISSUER, STS, ledger, write};

const ACCOUNTS: [&str; 3] = ["api", "worker", "cron"];

/// Sessions of one role that pods of three ServiceAccounts open, each with one call.
fn log(n_sessions: usize, name: impl Fn(usize) -> String) -> Log {
    let mut log = Log::default();
    for n in 0..n_sessions {
        let subject = format!("system:serviceaccount:shop:{}", ACCOUNTS[n % 3]);
        let session = log.web("busy", &name(n), (&provider(ISSUER), STS, &subject));
        log.call(&session);
    }
    log
}

/// The numbers of sessions and issuances that are kept of so many, and whether each workload has its third.
fn kept(log: &Log, n_sessions: u64) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &log.records, 900, 0);
    let ledger = ledger(folder.path());
    let mut kept = (0, 0);
    for keep in [Keep::All, Keep::Alike] {
        let usage = ledger.clone().finish_with(keep).unwrap();
        let inventory = Inventory::default();
        let access = access(&usage, &resolve(&usage, &inventory), &inventory);
        let role = &access.principals[&role_arn("busy")];
        let said: Vec<(&str, u64, u64, Grade)> = role
            .workloads
            .iter()
            .map(|share| {
                let account = share.workload.service_account.as_deref().unwrap();
                (account, share.sessions, share.calls, share.grade)
            })
            .collect();
        let third = n_sessions / 3;
        assert_eq!(said, ["api", "cron", "worker"].map(|name| (name, third, third, Grade::Exact)));
        assert!(role.unattributed.is_empty());
        kept = (usage.sessions.len(), usage.issuances.len());
    }
    kept
}

#[test]
fn sessions_that_differ_in_generated_names_only_are_counted_and_not_kept() {
    let (sessions, issuances) =
        kept(&log(6_000, |n| format!("botocore-session-{}", 1_700_000_000 + n)), 6_000);
    // Four stand for all of a ServiceAccount; those who asked for them are sessions too.
    assert!(sessions < 60 && issuances < 60, "{sessions} {issuances}");
}

#[test]
fn sessions_whose_names_were_chosen_are_each_named_right() {
    // Two words make a name that may tell what ran: it is kept, and costs what it costs.
    const WORDS: [&str; 10] =
        ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "islet", "juniper"];
    let name = |n: usize| format!("{}-{}-{}", WORDS[n % 10], WORDS[n / 10 % 10], WORDS[n / 100 % 10]);
    kept(&log(900, name), 900);
}
