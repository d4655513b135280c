//! What a workload did: the same for the part of a workload and for that of a namespace.

use std::collections::{BTreeMap, BTreeSet};

use super::markup::Markup;
use super::{Context, findings};
use crate::report::{Finding, Report, Role, RoleWorkload, UsedAction};

/// Who did what, by workload.
pub(super) struct Works<'a> {
    roles: BTreeMap<&'a str, Vec<(&'a Role, &'a RoleWorkload)>>,
    used: BTreeMap<&'a str, Vec<(&'a Role, &'a UsedAction)>>,
}

impl<'a> Works<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let mut works = Self { roles: BTreeMap::new(), used: BTreeMap::new() };
        for role in &report.roles {
            for share in &role.workloads {
                works.roles.entry(share.id.as_str()).or_default().push((role, share));
            }
            for used in &role.used {
                for id in &used.workloads {
                    works.used.entry(id.as_str()).or_default().push((role, used));
                }
            }
        }
        works
    }

    /// The roles a workload took, with its share in each.
    pub(super) fn roles(&self, id: &str) -> &[(&'a Role, &'a RoleWorkload)] {
        self.roles.get(id).map_or(&[], Vec::as_slice)
    }

    /// What workloads used, by action, with the roles they used it with.
    fn used(&self, ids: &[&str]) -> BTreeMap<&'a str, Done<'a>> {
        let mut all: BTreeMap<&'a str, Done<'a>> = BTreeMap::new();
        for id in ids {
            for (role, used) in self.used.get(id).map_or(&[][..], Vec::as_slice) {
                let done = all.entry(used.action.as_str()).or_default();
                if done.roles.insert(role.arn.as_str()) {
                    done.resources.extend(used.resources.iter().map(String::as_str));
                    done.last_seen = done.last_seen.max(used.last_seen);
                }
            }
        }
        all
    }

    /// Roles of these workloads that had calls refused.
    fn refused(&self, ids: &[&str]) -> BTreeMap<&'a str, &'a Role> {
        let shares = ids.iter().flat_map(|id| self.roles(id));
        shares
            .filter(|(role, _)| !role.denied.is_empty())
            .map(|(role, _)| (role.arn.as_str(), *role))
            .collect()
    }
}

#[derive(Default)]
struct Done<'a> {
    roles: BTreeSet<&'a str>,
    resources: BTreeSet<&'a str>,
    last_seen: Option<crate::ident::Time>,
}

/// What these workloads used.
pub(super) fn used(page: &mut Markup, context: &Context<'_>, ids: &[&str], of: &str) {
    /// Resources shown at once per action.
    const RESOURCES: usize = 2;
    let used = context.works.used(ids);
    if used.is_empty() {
        return;
    }
    page.raw("<h4>Used actions</h4>");
    let caption = format!("Actions {of} used");
    page.table(true, &caption, &["Action", "With the role", "Resources of that role's use", "Last seen"])
        .raw("<tbody>");
    for (action, done) in used {
        page.raw("<tr><th scope=\"row\">").code(action).raw("</th><td>");
        for arn in done.roles {
            page.raw("<span class=\"item\">");
            context.anchors.role(page, arn);
            page.raw("</span> ");
        }
        let resources: Vec<String> = done.resources.into_iter().map(str::to_owned).collect();
        page.raw("</td><td class=\"resources\">").codes(&resources, RESOURCES).raw("</td><td>");
        page.time(done.last_seen).raw("</td></tr>\n");
    }
    page.end_table();
}

/// What was refused to roles of these workloads; reports tell refusals by role.
pub(super) fn refused(page: &mut Markup, context: &Context<'_>, ids: &[&str], of: &str) {
    let roles = context.works.refused(ids);
    if roles.is_empty() {
        return;
    }
    page.raw("<h4>Denied, by role</h4>");
    let caption = format!("Calls refused to the roles of {of}");
    page.table(true, &caption, &["Role", "Action", "#Calls", "Refused by"]).raw("<tbody>");
    for (arn, role) in roles {
        for denied in &role.denied {
            page.raw("<tr><th scope=\"row\">");
            context.anchors.role(page, arn);
            page.raw("</th><td>").code(&denied.action).raw("</td>").number_cell(denied.calls).raw("<td>");
            page.text(&denied.layer)
                .raw(if denied.explicit { ", explicitly" } else { "" })
                .raw("</td></tr>\n");
        }
    }
    page.end_table();
}

/// Findings, as links.
pub(super) fn related(page: &mut Markup, found: &[&Finding]) {
    if found.is_empty() {
        return;
    }
    page.raw("<ul class=\"related\">");
    for finding in found {
        page.raw("<li>");
        findings::severity(page, finding.severity);
        let to = format!("#{}", findings::anchor(finding));
        page.raw(" <a").attribute("href", &to).raw(">").prose(&finding.title).raw("</a></li>");
    }
    page.raw("</ul>");
}
