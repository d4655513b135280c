//! A part for each Kubernetes namespace: what runs in it, with which roles, what it used, what was refused, what was found.

use std::collections::{BTreeMap, BTreeSet};

use super::markup::Markup;
use super::{Context, bindings, slug, work};
use crate::report::{Binding, Finding, Report, Workload};

/// One namespace of one cluster.
pub(super) struct Namespace<'a> {
    cluster: &'a str,
    name: &'a str,
    /// Where its part is found.
    anchor: String,
    workloads: Vec<&'a Workload>,
    bindings: Vec<&'a Binding>,
    findings: Vec<&'a Finding>,
}

/// The namespaces that the logs or the manifests tell of, by cluster and name.
pub(super) fn all(report: &Report) -> Vec<Namespace<'_>> {
    type Members<'a> = (Vec<&'a Workload>, Vec<&'a Binding>);
    let mut found: BTreeMap<(&str, &str), Members<'_>> = BTreeMap::new();
    for workload in &report.workloads {
        if let Some(name) = &workload.namespace {
            let cluster = workload.cluster.as_deref().unwrap_or_default();
            found.entry((cluster, name.as_str())).or_default().0.push(workload);
        }
    }
    for binding in &report.bindings {
        let cluster = binding.cluster.as_deref().unwrap_or_default();
        found.entry((cluster, binding.namespace.as_str())).or_default().1.push(binding);
    }
    let mut by_subject: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in &report.findings {
        by_subject.entry(finding.subject.as_str()).or_default().push(finding);
    }
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut namespaces = Vec::new();
    for ((cluster, name), (workloads, bindings)) in found {
        let wanted = format!("namespace-{}-{}", slug(cluster), slug(name));
        let mut anchor = wanted.clone();
        let mut n = 2;
        while !taken.insert(anchor.to_lowercase()) {
            anchor = format!("{wanted}-{n}");
            n += 1;
        }
        let known = if cluster.is_empty() { "unknown-cluster" } else { cluster };
        let subjects: BTreeSet<String> = workloads
            .iter()
            .map(|workload| workload.id.clone())
            .chain(bindings.iter().map(|one| format!("{known}/{name}/{}", one.service_account)))
            .collect();
        let findings = subjects
            .iter()
            .flat_map(|subject| by_subject.get(subject.as_str()).into_iter().flatten())
            .copied();
        namespaces.push(Namespace {
            cluster,
            name,
            anchor,
            findings: findings.collect(),
            workloads,
            bindings,
        });
    }
    namespaces
}

pub(super) fn write(page: &mut Markup, context: &Context<'_>) {
    if context.namespaces.is_empty() {
        return;
    }
    page.raw("<section id=\"namespaces\" aria-labelledby=\"namespaces-title\">\n<h2 id=\"namespaces-title\">Namespaces</h2>\n");
    page.raw("<div class=\"tools\" hidden data-tools><label class=\"search\"><span>Search namespaces</span><input type=\"search\" ");
    page.raw("data-filter=\"namespace-list\" autocomplete=\"off\"></label><button type=\"button\" data-open=\"namespace-list\" ");
    page.raw("aria-pressed=\"false\">Open all</button><output aria-live=\"polite\" data-count=\"namespace-list\"></output></div>\n");
    page.raw("<div id=\"namespace-list\" class=\"role-list\">\n");
    for namespace in &context.namespaces {
        one(page, context, namespace);
    }
    page.raw("</div></section>\n");
}

fn one(page: &mut Markup, context: &Context<'_>, namespace: &Namespace<'_>) {
    let Namespace { cluster, name, anchor, workloads, .. } = namespace;
    page.raw("<details class=\"role\" data-row").attribute("data-key", &format!("{cluster} {name}"));
    page.raw("><summary><h3 class=\"role-name\">").text(name);
    page.raw("</h3> <span class=\"mono muted\">").text(cluster).raw("</span><span class=\"muted\">");
    page.number(workloads.len() as u64).raw(if workloads.len() == 1 { " workload" } else { " workloads" });
    page.raw("</span></summary>\n");
    page.body(anchor, context.is_large, |page| body(page, context, namespace));
    page.raw("</details>\n");
}

fn body(page: &mut Markup, context: &Context<'_>, namespace: &Namespace<'_>) {
    let Namespace { name, workloads, bindings, findings, .. } = namespace;
    work::related(page, findings);
    let of = format!("namespace {name}");
    if !workloads.is_empty() {
        page.raw("<h4>Workloads and their roles</h4>");
        let caption = format!("Workloads of {of}");
        let columns = ["Workload", "Roles", "#Sessions", "#Calls", "#Denied"];
        page.table(true, &caption, &columns).raw("<tbody>");
        for workload in workloads {
            page.raw("<tr><th scope=\"row\">");
            context.anchors.workload(page, &workload.id);
            page.raw("</th><td>");
            for role in &workload.roles {
                page.raw("<span class=\"item\">");
                context.anchors.role(page, role);
                page.raw("</span> ");
            }
            page.raw("</td>").number_cell(workload.sessions).number_cell(workload.calls);
            page.number_cell(workload.denied).raw("</tr>\n");
        }
        page.end_table();
    }
    let ids: Vec<&str> = workloads.iter().map(|workload| workload.id.as_str()).collect();
    work::used(page, context, &ids, &of);
    work::refused(page, context, &ids, &of);
    if !bindings.is_empty() {
        page.raw("<h4>ServiceAccounts and their roles</h4>");
        bindings::table(page, context, bindings.iter().copied());
    }
}
