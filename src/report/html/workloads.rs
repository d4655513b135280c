//! What ran.

use super::markup::Markup;
use super::{Context, work};
use crate::report::summary::count;
use crate::report::{Finding, Label, Workload};

pub(super) fn write(page: &mut Markup, context: &Context<'_>) {
    let report = context.report;
    page.raw("<section id=\"workloads\" aria-labelledby=\"workloads-title\">\n<h2 id=\"workloads-title\">Workloads</h2>\n");
    if report.workloads.is_empty() {
        page.raw("<p class=\"muted\">No workload could be named.</p>");
    } else {
        page.raw(
            "<div class=\"tools\" hidden data-tools><label class=\"search\"><span>Search workloads</span>",
        );
        page.raw("<input type=\"search\" data-filter=\"workload-rows workload-list\" autocomplete=\"off\"></label>");
        page.raw("<output aria-live=\"polite\" data-count=\"workload-rows\"></output></div>\n");
        let columns = ["Workload", "Roles", "#Sessions", "#Calls", "#Denied"];
        page.table(true, "Every workload with the roles it used", &columns)
            .raw("<tbody id=\"workload-rows\">");
        for workload in &report.workloads {
            page.raw("<tr data-row><th scope=\"row\">");
            context.anchors.workload(page, &workload.id);
            labels(page, &workload.labels);
            page.raw("</th><td>");
            for role in &workload.roles {
                page.raw("<span class=\"item\">");
                context.anchors.role(page, role);
                page.raw("</span> ");
            }
            page.raw("</td>")
                .number_cell(workload.sessions)
                .number_cell(workload.calls)
                .number_cell(workload.denied);
            page.raw("</tr>\n");
        }
        page.end_table();
        page.raw("<div id=\"workload-list\" class=\"role-list\">\n");
        for workload in &report.workloads {
            one(page, context, workload);
        }
        page.raw("</div>\n");
    }
    super::bindings::write(page, context);
    unattributed(page, context);
    page.raw("</section>\n");
}

/// The part of one workload.
fn one(page: &mut Markup, context: &Context<'_>, workload: &Workload) {
    let id = workload.id.as_str();
    let anchor = context.anchors.workloads.get(id).map_or("", String::as_str);
    page.raw("<details class=\"role\" data-row").attribute("data-key", id);
    page.raw("><summary><h3 class=\"role-name\">").text(short(id));
    page.raw("</h3> <span class=\"mono muted\">").text(&workload.kind).raw("</span><span class=\"muted\">");
    page.text(&count(workload.calls, "call", "calls")).raw("</span></summary>\n");
    page.body(anchor, context.is_large, |page| body(page, context, workload));
    page.raw("</details>\n");
}

fn body(page: &mut Markup, context: &Context<'_>, workload: &Workload) {
    let id = workload.id.as_str();
    page.raw("<p class=\"subject\">").code(id).raw("</p>");
    let found: Vec<&Finding> =
        context.report.findings.iter().filter(|finding| finding.subject == id).collect();
    work::related(page, &found);
    let shares = context.works.roles(id);
    if !shares.is_empty() {
        page.raw("<h4>Roles</h4>");
        let caption = format!("Roles {} used", short(id));
        page.table(true, &caption, &["Role", "By way of", "Attribution", "#Sessions", "#Calls"])
            .raw("<tbody>");
        for (role, share) in shares {
            page.raw("<tr><th scope=\"row\">");
            context.anchors.role(page, &role.arn);
            page.raw("</th>");
            super::role::share(page, context, share);
            page.raw("</tr>\n");
        }
        page.end_table();
    }
    work::used(page, context, &[id], short(id));
    if workload.denied > 0 {
        work::refused(page, context, &[id], short(id));
    }
}

/// What ran below a workload, by kind.
fn labels(page: &mut Markup, labels: &[Label]) {
    /// More values of one kind are in `report.json`.
    const SHOWN: usize = 6;
    for group in labels.chunk_by(|a, b| a.kind == b.kind) {
        let Some(first) = group.first() else { continue };
        let values: Vec<&str> = group.iter().take(SHOWN).map(|label| label.value.as_str()).collect();
        let more = match group.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let text = format!("{}: {}{more} ({})", first.kind, values.join(", "), first.attribution.as_str());
        page.raw(" ").element("span", "place", &text);
    }
}

fn unattributed(page: &mut Markup, context: &Context<'_>) {
    let list = &context.report.unattributed;
    if list.is_empty() {
        return;
    }
    page.raw("<h3>Calls without a workload</h3>");
    page.table(true, "Calls nobody could be named for", &["Role", "#Calls", "Why"]).raw("<tbody>");
    for calls in list {
        page.raw("<tr><th scope=\"row\">");
        context.anchors.role(page, &calls.role);
        page.raw("</th>").number_cell(calls.calls).element("td", "", &calls.reason).raw("</tr>\n");
    }
    page.end_table();
}

/// A workload's id with the part a reader looks for in front: `namespace/service-account`, then where it runs.
pub(super) fn name(page: &mut Markup, id: &str) {
    let (kind, rest) = id.split_once(':').unwrap_or(("", id));
    let (_, place) = parts(kind, rest);
    page.raw("<span class=\"workload\">");
    telling(page, id);
    if !place.is_empty() {
        page.raw(" ").element("span", "place", place);
    }
    page.raw("</span>");
}

/// The kind of a workload and its telling part.
pub(super) fn telling(page: &mut Markup, id: &str) {
    let (kind, rest) = id.split_once(':').unwrap_or(("", id));
    if !kind.is_empty() {
        page.element("span", "kind", kind).raw(" ");
    }
    page.element("b", "", parts(kind, rest).0);
}

/// The part of a workload's id that a reader looks for.
pub(super) fn short(id: &str) -> &str {
    let (kind, rest) = id.split_once(':').unwrap_or(("", id));
    parts(kind, rest).0
}

/// The telling part and the place.
fn parts<'a>(kind: &str, rest: &'a str) -> (&'a str, &'a str) {
    if kind != "kubernetes" {
        return (rest, "");
    }
    // CLUSTER/NAMESPACE/SERVICE_ACCOUNT, where only the cluster may hold slashes.
    let mut ends = rest.rmatch_indices('/').map(|(at, _)| at);
    let (Some(_), Some(at)) = (ends.next(), ends.next()) else {
        return (rest, "");
    };
    match rest.split_at_checked(at) {
        Some((place, main)) => (main.strip_prefix('/').unwrap_or(main), place),
        None => (rest, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_telling_part_comes_first() {
        for (id, main) in [
            ("kubernetes:oidc.eks.eu-central-1.amazonaws.com/id/ABC/shop/cart", "shop/cart"),
            ("kubernetes:arn:aws:eks:eu-west-1:111122223333:cluster/prod/shop/cart", "shop/cart"),
            ("github-actions:acme/web", "acme/web"),
            ("kubernetes:x", "x"),
            ("odd", "odd"),
        ] {
            assert_eq!(short(id), main, "{id}");
        }
    }
}
