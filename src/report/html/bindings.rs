//! ServiceAccounts and their roles, side by side.

use super::Context;
use super::markup::Markup;
use crate::report::Binding;

pub(super) fn write(page: &mut Markup, context: &Context<'_>) {
    let bindings = &context.report.bindings;
    if bindings.is_empty() {
        return;
    }
    page.raw("<h3>ServiceAccounts and their roles</h3>");
    table(page, context, bindings.iter());
}

/// The table of some of them.
pub(super) fn table<'b>(
    page: &mut Markup,
    context: &Context<'_>,
    bindings: impl Iterator<Item = &'b Binding>,
) {
    let columns = ["ServiceAccount", "Bound to", "Trust policy", "Observed", "State"];
    page.table(true, "What each ServiceAccount is bound to, and what was observed", &columns).raw("<tbody>");
    for binding in bindings {
        page.raw("<tr><th scope=\"row\"><span class=\"workload\">");
        page.element("b", "", &format!("{}/{}", binding.namespace, binding.service_account));
        if let Some(cluster) = &binding.cluster {
            page.raw(" ").element("span", "place", cluster);
        }
        page.raw("</span></th><td>");
        let by_annotation = binding.annotated_role.iter().map(|role| (role, "annotation"));
        let by_association = binding.associated_roles.iter().map(|role| (role, "Pod Identity"));
        for (role, how) in by_annotation.chain(by_association) {
            page.raw("<span class=\"item\">");
            context.anchors.role(page, role);
            page.raw(" ").element("span", "place", how).raw("</span> ");
        }
        page.raw("</td>").element("td", "", binding.trust.as_deref().unwrap_or("")).raw("<td>");
        for seen in &binding.observed {
            let counts = [(seen.irsa, "IRSA"), (seen.pod_identity, "Pod Identity"), (seen.denied, "refused")];
            let text: Vec<String> =
                counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
            page.raw("<span class=\"item\">");
            context.anchors.role(page, &seen.role);
            page.raw(" ").element("span", "place", &text.join(", ")).raw("</span> ");
        }
        page.raw("</td>");
        let bare = match binding.pods_without_credentials {
            Some(n) if n > 0 => format!("{}; {n} running pods without credentials", binding.state),
            _ => binding.state.clone(),
        };
        page.element("td", "", &bare).raw("</tr>\n");
    }
    page.end_table();
}
