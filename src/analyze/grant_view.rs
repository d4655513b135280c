//! From a comparison to what the report says of the grant. No decision is made here.

use crate::catalog::Catalog;
use crate::policy::{self, ResourceElement};
use crate::report;
use crate::rightsize::{ActionVerdict, BlockedBy, Comparison, EffectiveStatement, LimitedBy, StatementAt};

/// What a role is granted.
pub(super) fn granted(comparison: &Comparison, catalog: &Catalog) -> report::Granted {
    let names = |verdict| comparison.names(verdict, catalog).map(str::to_owned).collect::<Vec<_>>();
    let count = |verdicts: &dyn Fn(ActionVerdict) -> usize| {
        let of = |verdict| verdicts(verdict) as u64;
        report::Verdicts {
            used: of(ActionVerdict::Used),
            unused: of(ActionVerdict::Unused),
            undetermined: of(ActionVerdict::Undetermined),
            unobservable: of(ActionVerdict::Unobservable),
            blocked: of(ActionVerdict::Blocked),
        }
    };
    let services = comparison
        .by_service(catalog)
        .into_iter()
        .map(|(service, by_verdict)| {
            let verdicts = count(&|verdict| by_verdict.get(&verdict).copied().unwrap_or(0));
            report::ServiceGrant { service: service.to_owned(), actions: verdicts.total(), verdicts }
        })
        .collect();
    report::Granted {
        actions: comparison.n_granted() as u64,
        verdicts: count(&|verdict| comparison.n_with(verdict)),
        services,
        undetermined_actions: names(ActionVerdict::Undetermined),
        unobservable_actions: names(ActionVerdict::Unobservable),
        blocked_actions: names(ActionVerdict::Blocked),
        blocked_by: comparison.blocked_by.iter().map(|by| blocked_by(by, catalog)).collect(),
        effective: comparison.effective.iter().map(effective).collect(),
        last_accessed: comparison
            .last_accessed
            .iter()
            .map(|(name, at)| report::LastAccessed { name: name.clone(), at: *at })
            .collect(),
        unknown: comparison.grant_unknown.clone(),
        blind: comparison.not_covered.iter().chain(&comparison.partly_blind).cloned().collect(),
    }
}

fn blocked_by(by: &BlockedBy, catalog: &Catalog) -> report::BlockedBy {
    let names = by.actions.iter().filter_map(|id| Some(catalog.info(id)?.action().to_string()));
    report::BlockedBy {
        layer: by.layer.to_owned(),
        name: by.name.clone(),
        actions: names.collect(),
        statements: by.statements.iter().map(statement_at).collect(),
    }
}

fn statement_at(at: &StatementAt) -> report::StatementAt {
    report::StatementAt {
        layer: at.layer.to_owned(),
        policy: at.policy.clone(),
        file: at.origin.file.clone(),
        at: at.origin.at.clone(),
        statement: at.statement as u64,
        sid: at.sid.clone(),
    }
}

fn effective(one: &EffectiveStatement) -> report::EffectiveStatement {
    let (resources, not_resources) = match &one.resource {
        Some(ResourceElement::Only(texts)) => (texts.clone(), Vec::new()),
        Some(ResourceElement::Except(texts)) => (Vec::new(), texts.clone()),
        None => (Vec::new(), Vec::new()),
    };
    report::EffectiveStatement {
        from: statement_at(&one.at),
        actions: one.actions.len() as u64,
        blocked: one.blocked.len() as u64,
        resources,
        not_resources,
        conditions: conditions(&one.conditions),
        limited_by: one.limited_by.iter().map(limited_by).collect(),
    }
}

fn limited_by(by: &LimitedBy) -> report::LimitedBy {
    report::LimitedBy {
        layer: by.layer.to_owned(),
        name: by.name.clone(),
        statement: by.statement.as_ref().map(statement_at),
        conditions: conditions(&by.conditions),
        actions: by.actions.len() as u64,
    }
}

fn conditions(conditions: &[policy::Condition]) -> Vec<report::Condition> {
    let one = |condition: &policy::Condition| report::Condition {
        operator: condition.operator.clone(),
        key: condition.key.clone(),
        values: condition.values.clone(),
    };
    conditions.iter().map(one).collect()
}
