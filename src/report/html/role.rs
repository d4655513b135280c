//! One role: who uses it, what is granted and used, what was refused, and what to do.

use std::collections::BTreeSet;

use super::markup::{Markup, json_lines};
use super::{Context, chart, diff, grant, grounds, roles, stages, work};
use crate::report::summary::{count, number, percent};
use crate::report::text::named;
use crate::report::{
    Attribution, Finding, Granted, GrantedBy, NoNewAccess, Power, Proof, Proposal, ProposalVerdict,
    ProposedPolicy, Role, RoleWorkload, ServiceGrant,
};

/// Resources shown at once per action.
const RESOURCES: usize = 2;

/// Actions of one verdict that are named; `report.json` has them all.
const NAMED_ACTIONS: usize = 200;

/// With more services than this of which nothing was used, they have no rows of their own.
const IDLE_ROWS: usize = 12;

pub(super) fn write(page: &mut Markup, context: &Context<'_>, role: &Role, is_open: bool) {
    let anchor = context.anchors.roles.get(role.arn.as_str()).map_or("", String::as_str);
    page.raw("<details class=\"role\" data-row").attribute("data-key", &role.arn);
    page.raw(if is_open { " open>" } else { ">" }).raw("<summary><h3 class=\"role-name\">").text(&role.name);
    page.raw("</h3> <span class=\"mono muted\">").text(&role.account).raw("</span><span class=\"role-bar\">");
    chart::verdict_bar(page, role.granted.verdicts, role.granted.verdicts.total());
    page.raw("</span>");
    roles::proposal_badge(page, role);
    // Inside the fold, so that a link to it opens the fold even without the script.
    page.raw("</summary>\n");
    page.body(anchor, context.is_large && !is_open, |page| {
        page.raw("<p class=\"subject\">").code(&role.arn).raw("</p>");
        facts(page, role);
        related(page, context, role);
        who(page, context, role);
        granted(page, role);
        used(page, context, role);
        denied(page, role);
        proposal(page, context, role);
        stages::write(page, context, role);
    });
    page.raw("</details>\n");
}

fn facts(page: &mut Markup, role: &Role) {
    let verdicts = role.granted.verdicts;
    if role.in_snapshot {
        chart::legend(page, verdicts);
    } else {
        page.raw("<p class=\"notice\">The snapshot does not hold this role, so what it is granted is not known.</p>");
    }
    page.raw("<p class=\"meta\"><span><span class=\"muted\">calls</span> ").number(role.calls);
    page.raw("</span><span><span class=\"muted\">denied</span> ").number(role.denied_calls);
    if role.unproven_calls > 0 {
        page.raw("</span><span><span class=\"muted\">failed otherwise, proving nothing</span> ")
            .number(role.unproven_calls);
    }
    page.raw("</span><span><span class=\"muted\">first seen</span> ").time(role.first_seen);
    page.raw("</span><span><span class=\"muted\">last seen</span> ").time(role.last_seen).raw("</span></p>");
    page.sentences("plain", &role.granted.unknown).sentences("plain", &role.granted.blind);
}

/// Findings about the role.
fn related(page: &mut Markup, context: &Context<'_>, role: &Role) {
    let found: Vec<&Finding> =
        context.report.findings.iter().filter(|finding| finding.subject == role.arn).collect();
    work::related(page, &found);
}

fn who(page: &mut Markup, context: &Context<'_>, role: &Role) {
    page.raw("<h4>Who uses it</h4>");
    if role.workloads.is_empty() {
        page.raw("<p class=\"muted\">")
            .raw(if role.calls == 0 { "Nobody was seen." } else { "Nobody could be named." })
            .raw("</p>");
        return;
    }
    let caption = format!("Workloads behind {}", role.name);
    page.table(true, &caption, &["Workload", "By way of", "Attribution", "#Sessions", "#Calls"])
        .raw("<tbody>");
    for workload in &role.workloads {
        page.raw("<tr><th scope=\"row\">");
        context.anchors.workload(page, &workload.id);
        page.raw("</th>");
        share(page, context, workload);
        page.raw("</tr>\n");
    }
    page.end_table();
}

/// The cells that tell of a workload's share in a role.
pub(super) fn share(page: &mut Markup, context: &Context<'_>, share: &RoleWorkload) {
    page.raw("<td>");
    if share.via.is_empty() {
        page.raw("<span class=\"muted\">directly</span>");
    } else {
        page.raw("<ol class=\"chain\">");
        for arn in &share.via {
            page.raw("<li>");
            context.anchors.role(page, arn);
            page.raw("</li>");
        }
        page.raw("</ol>");
    }
    page.raw("</td><td>").badge(
        match share.attribution {
            Attribution::Exact => "good",
            Attribution::Session => "",
            Attribution::Inferred | Attribution::Unknown => "warn",
        },
        share.attribution.as_str(),
    );
    page.raw("</td>").number_cell(share.sessions).number_cell(share.calls);
}

fn granted(page: &mut Markup, role: &Role) {
    let granted = &role.granted;
    if !granted.services.is_empty() {
        page.raw("<h4>Granted, by service</h4>");
        let caption = format!("Services granted to {}", role.name);
        let columns = [
            "Service",
            "Verdicts",
            "#Granted",
            "#Used",
            "#Unused",
            "#Undeter&shy;mined",
            "#Unobserv&shy;able",
            "#Blocked",
        ];
        page.table(true, &caption, &columns).raw("<tbody>");
        let most = granted.services.iter().map(|service| service.actions).max().unwrap_or(0);
        // Administrators have hundreds of services of which nothing was used: those are told in words below the table.
        let n_idle = granted.services.iter().filter(|service| is_idle(service)).count();
        let in_words = n_idle > IDLE_ROWS;
        for service in granted.services.iter().filter(|service| !in_words || !is_idle(service)) {
            let verdicts = service.verdicts;
            page.raw("<tr><th scope=\"row\">")
                .code(&service.service)
                .raw("</th><td class=\"wide-cell\" data-v=\"");
            page.digits(verdicts.unused).raw("\">");
            chart::verdict_bar(page, verdicts, most);
            page.raw("</td>");
            for n in [
                service.actions,
                verdicts.used,
                verdicts.unused,
                verdicts.undetermined,
                verdicts.unobservable,
                verdicts.blocked,
            ] {
                page.number_cell(n);
            }
            page.raw("</tr>\n");
        }
        page.end_table();
        if in_words {
            idle_services(page, granted, n_idle);
        }
    }
    let lists: [(&str, &[String]); 4] = [
        ("Unused actions", &role.unused_actions),
        ("Undetermined actions", &granted.undetermined_actions),
        ("Unobservable actions", &granted.unobservable_actions),
        ("Blocked actions", &granted.blocked_actions),
    ];
    for (title, actions) in lists.into_iter().filter(|(_, actions)| !actions.is_empty()) {
        page.raw("<details class=\"more\"><summary>").text(title).raw(" <span class=\"muted\">");
        page.number(actions.len() as u64)
            .raw("</span></summary>")
            .actions(actions, NAMED_ACTIONS)
            .raw("</details>");
    }
    for (title, facts) in [
        ("Taken away by", granted.blocked_by.iter().map(grant::blocked_by).collect::<Vec<_>>()),
        ("Cut down by", grant::limits(&granted.effective)),
        ("Seen by IAM and not by the logs", granted.last_accessed.iter().map(last_accessed_words).collect()),
    ] {
        if !facts.is_empty() {
            page.raw("<h4>").text(title).raw("</h4><ul class=\"plain\">");
            for fact in &facts {
                page.raw("<li>").text(fact).raw("</li>");
            }
            page.raw("</ul>");
        }
    }
    let privilege = &role.privilege;
    power(page, role);
    if !privilege.escalation_paths.is_empty() {
        page.raw("<h4>Ways to more power</h4><ul class=\"plain\">");
        for path in &privilege.escalation_paths {
            page.raw("<li>").text(path).raw(" ");
            if privilege.escalation_paths_removed.contains(path) {
                page.badge("good", "closed by the proposal");
            } else {
                page.badge("warn", "stays open");
            }
            page.raw("</li>");
        }
        page.raw("</ul>");
    }
    if !privilege.escalation_paths_undetermined.is_empty() {
        page.raw("<h4>Ways to more power that may be open</h4><ul class=\"plain\">");
        for path in &privilege.escalation_paths_undetermined {
            page.raw("<li>").text(&path.name).raw(": ").text(&path.reason).raw("</li>");
        }
        page.raw("</ul>");
    }
}

/// Nothing of the service was seen in use.
fn is_idle(service: &ServiceGrant) -> bool {
    service.verdicts.used == 0
}

fn idle_services(page: &mut Markup, granted: &Granted, n_idle: usize) {
    page.raw("<details class=\"more\"><summary>Services of which nothing was used <span class=\"muted\">");
    page.number(n_idle as u64).raw("</span></summary><p>");
    for (at, service) in granted.services.iter().filter(|service| is_idle(service)).enumerate() {
        page.raw(if at > 0 { " · " } else { "" }).text(&service.service).raw(" ");
        let parts: Vec<String> = named(service.verdicts)
            .into_iter()
            .filter(|(_, n)| *n > 0)
            .map(|(word, n)| format!("{} {word}", number(n)))
            .collect();
        page.text(&parts.join(", "));
    }
    page.raw("</p></details>");
}

/// What the policies give, now and as proposed, in parts.
fn power(page: &mut Markup, role: &Role) {
    let (before, after) = (&role.privilege.before, role.privilege.after.as_ref());
    if before.actions == 0 {
        return;
    }
    page.raw("<h4>Power, in parts</h4>");
    let caption = format!("What the policies of {} give", role.name);
    page.raw("<div class=\"narrow\">").table(false, &caption, &["Part", "#Now", "#Proposed"]).raw("<tbody>");
    let sensitive = |power: &Power, kind: &str| {
        power.sensitive.iter().find(|one| one.kind == kind).map_or(0, |one| one.actions)
    };
    type Part<'a> = (&'static str, &'a dyn Fn(&Power) -> u64);
    let parts: [Part<'_>; 10] = [
        ("Excess score, in per cent", &|power| power.score),
        ("Actions", &|power| power.actions),
        ("Weight of all", &|power| power.weight),
        ("Weight of those shown to be unused", &|power| power.excess),
        ("Weight of all that were not seen", &|power| power.gap),
        ("Granted on every resource of a type", &|power| power.broad_actions),
        ("Return or make credentials", &|power| sensitive(power, "credentials")),
        ("Return stored data", &|power| sensitive(power, "data")),
        ("Change who may reach a resource", &|power| sensitive(power, "exposure")),
        ("Ways to more power", &|power| power.escalation_paths),
    ];
    for (name, part) in parts {
        page.raw("<tr><th scope=\"row\">").raw(name).raw("</th>").number_cell(part(before));
        match after {
            Some(after) => page.number_cell(part(after)),
            None => page.raw("<td class=\"n muted\">–</td>"),
        };
        page.raw("</tr>\n");
    }
    let privilege = &role.privilege;
    let proven = privilege.proof.map(|proof| {
        format!(
            "{} of {}",
            number(proof.proven + proof.allowed),
            count(proof.statements + proof.requests, "statement and request", "statements and requests")
        )
    });
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of 0 to 1, in per mille"
    )]
    let refused = privilege.under_privilege.map(|share| percent((share * 1_000.0) as u64, 1_000));
    for (name, value) in [("Proven", proven), ("Refused when learned from four fifths of the time", refused)]
    {
        if let Some(value) = value {
            page.raw("<tr><th scope=\"row\">")
                .raw(name)
                .raw("</th><td class=\"n muted\">–</td><td class=\"n\">");
            page.text(&value).raw("</td></tr>\n");
        }
    }
    page.end_table().raw("</div>");
}

fn used(page: &mut Markup, context: &Context<'_>, role: &Role) {
    if role.used.is_empty() {
        return;
    }
    page.raw("<h4>Used actions</h4>");
    let caption = format!("Actions {} used", role.name);
    let columns = ["Action", "#Calls", "Resources", "Evidence", "Granted by", "Last seen", "Workloads"];
    page.table(true, &caption, &columns).raw("<tbody>");
    for used in &role.used {
        page.raw("<tr><th scope=\"row\">").code(&used.action).raw("</th>").number_cell(used.calls);
        page.raw("<td class=\"resources\">").codes(&used.resources, RESOURCES).raw("</td>");
        page.element("td", "", used.evidence.as_str()).raw("<td>");
        match used.granted_by {
            GrantedBy::NotGranted => page.badge("warn", "not granted"),
            GrantedBy::Unknown => page.badge("", "unknown"),
            by => page.text(&by.as_str().replace('-', " ")),
        };
        page.raw("</td><td>").time(used.last_seen).raw("</td><td>");
        context.anchors.workloads(page, &used.workloads);
        page.raw("</td></tr>\n");
    }
    page.end_table();
    if !role.unmapped.is_empty() {
        page.raw(
            "<p>Calls that succeeded whose IAM action the catalog does not know:</p><ul class=\"plain\">",
        );
        for (event, calls) in &role.unmapped {
            page.raw("<li>").code(event).raw(" ").text(&count(*calls, "call", "calls")).raw("</li>");
        }
        page.raw("</ul>");
    }
}

fn denied(page: &mut Markup, role: &Role) {
    if role.denied.is_empty() {
        return;
    }
    page.raw("<h4>Denied</h4>");
    let caption = format!("Calls of {} that were refused", role.name);
    page.table(true, &caption, &["Action", "#Calls", "Refused by", "Resources", "What AWS said"])
        .raw("<tbody>");
    for denied in &role.denied {
        page.raw("<tr><th scope=\"row\">")
            .code(&denied.action)
            .raw("</th>")
            .number_cell(denied.calls)
            .raw("<td>");
        page.text(&denied.layer).raw(if denied.explicit { ", explicitly" } else { "" });
        page.raw("</td><td class=\"resources\">")
            .codes(&denied.resources, RESOURCES)
            .raw("</td><td class=\"quote\">");
        page.text(&denied.sample).raw("</td></tr>\n");
    }
    page.end_table();
}

fn proposal(page: &mut Markup, context: &Context<'_>, role: &Role) {
    let proposal = &role.proposal;
    page.raw("<h4>Proposal</h4><p>");
    roles::proposal_badge(page, role);
    page.raw("</p>").sentences("plain", &proposal.reasons);
    let is_replaced = proposal.verdict == ProposalVerdict::Replace;
    if is_replaced || !proposal.policies.is_empty() {
        evidence(page, proposal);
        let (before, after) = marks(proposal);
        page.raw("<div class=\"pair policies\">");
        if !proposal.current.is_empty() {
            policies(page, "Now", (&proposal.current, &before), "");
        }
        policies(
            page,
            "Proposed",
            (&proposal.policies, &after),
            "No policy at all: nothing of what the role is granted is needed.",
        );
        page.raw("</div>");
        grounds::write(page, role);
    }
    if !proposal.generalised.is_empty() {
        page.raw("<details class=\"more\"><summary>Patterns that stand for several resources</summary><ul class=\"plain\">");
        for one in &proposal.generalised {
            page.raw("<li>").code(&one.pattern).raw(" for ").text(&count(
                one.stands_for,
                "resource",
                "resources",
            ));
            page.raw(" <span class=\"muted\">").text(&one.rule).raw("</span></li>");
        }
        page.raw("</ul></details>");
    }
    if !proposal.suggestions.is_empty() {
        page.raw("<p>Offered, not made, because it rests on inference:</p>")
            .sentences("plain", &proposal.suggestions);
    }
    if let Some(trust) = &proposal.trust {
        page.raw("<h5>Trust policy</h5>").sentences("plain", &trust.proof.reasons);
        page.raw("<p class=\"meta\"><span><span class=\"muted\">admits nobody new</span> ");
        proof_badge(page, &trust.proof);
        page.raw("</span></p>");
        for (words, list) in
            [("Can no longer assume the role", &trust.removed), ("Can newly assume the role", &trust.added)]
        {
            if !list.is_empty() {
                page.raw("<p>").text(words).raw(": ").codes(list, 8).raw("</p>");
            }
        }
        let lines = |document: &serde_json::Value| json_lines(document);
        let before = proposal.current_trust.as_ref().map(lines).unwrap_or_default();
        let after = lines(&trust.document);
        let marks = diff::lacking(
            &before.iter().map(String::as_str).collect::<Vec<_>>(),
            &after.iter().map(String::as_str).collect::<Vec<_>>(),
        );
        let (gone, come) = marks.unwrap_or_default();
        page.raw("<div class=\"pair policies\">");
        if let Some(now) = &proposal.current_trust {
            page.raw("<div><h5>Now</h5>").marked_json(now, &gone, "del").raw("</div>");
        }
        page.raw("<div><h5>Proposed</h5>").marked_json(&trust.document, &come, "ins").raw("</div></div>");
    }
    if let (None, Some(trust)) = (&proposal.trust, &proposal.current_trust) {
        page.raw("<details class=\"more\"><summary>Trust policy, which stays</summary>")
            .json(trust)
            .raw("</details>");
    }
    split(page, context, proposal);
}

/// The two sides of the proof.
fn evidence(page: &mut Markup, proposal: &Proposal) {
    let replay = &proposal.replay;
    page.raw("<div class=\"proofs\"><div><h5>Allows nothing new</h5><p>");
    proof_badge(page, &proposal.proof);
    page.raw("</p>").sentences("plain", &proposal.proof.reasons);
    if let Some(witness) = &proposal.proof.witness {
        page.raw("<p>Only the proposal allows this request:</p>").json(witness);
    }
    page.raw("</div><div><h5>Still allows what was seen</h5><p>");
    let words = format!("{} of {}", number(replay.allowed), count(replay.requests, "request", "requests"));
    page.badge(if replay.allowed == replay.requests { "good" } else { "bad" }, &words).raw("</p>");
    if !replay.lost.is_empty() {
        page.raw("<p>It would refuse:</p><p class=\"chips\">")
            .codes(&replay.losses().collect::<Vec<_>>(), 20)
            .raw("</p>");
    }
    if let Some(check) = proposal.held_out.as_ref().filter(|check| check.requests > 0) {
        page.raw("<p>Learned until ").time(Some(check.learned_until)).raw(", of ");
        page.text(&count(check.requests, "request", "requests")).raw(" after it (");
        page.number(check.first_seen)
            .raw(" not seen before) would pass, by resources:</p><ul class=\"plain\">");
        for level in &check.levels {
            page.raw("<li>").text(level.resources.as_str()).raw(" ");
            page.text(&percent(level.retained, check.requests));
            if Some(level.resources) == proposal.resources {
                page.raw(" <span class=\"muted\">as proposed</span>");
            }
            page.raw("</li>");
        }
        page.raw("</ul>");
    }
    page.raw("</div></div>");
}

fn proof_badge(page: &mut Markup, proof: &Proof) {
    let class = match proof.no_new_access {
        NoNewAccess::Proven => "good",
        NoNewAccess::Refuted => "bad",
        NoNewAccess::Unknown => "warn",
    };
    page.badge(class, proof.no_new_access.as_str());
}

/// For each policy as it is and as proposed, which of its lines the other side lacks: the policy of the same name there, or all of them where
/// there is none.
fn marks(proposal: &Proposal) -> (Vec<Vec<bool>>, Vec<Vec<bool>>) {
    let lines = |policies: &[ProposedPolicy]| -> Vec<Vec<String>> {
        policies.iter().map(|policy| json_lines(&policy.document)).collect()
    };
    let (before, after) = (lines(&proposal.current), lines(&proposal.policies));
    let all = |all: &[Vec<String>]| -> BTreeSet<String> {
        all.iter().flatten().map(|line| diff::said(line).to_owned()).collect()
    };
    let against = |own: &[Vec<String>], others: &BTreeSet<String>| -> Vec<Vec<bool>> {
        own.iter().map(|own| diff::absent(own, others)).collect()
    };
    let (mut gone, mut come) = (against(&before, &all(&after)), against(&after, &all(&before)));
    for ((policy, then), gone) in proposal.current.iter().zip(&before).zip(&mut gone) {
        let mut others = proposal.policies.iter().zip(&after).zip(&mut come);
        let Some(((_, now), come)) = others.find(|((other, _), _)| other.name == policy.name) else {
            continue;
        };
        let then: Vec<&str> = then.iter().map(String::as_str).collect();
        let now: Vec<&str> = now.iter().map(String::as_str).collect();
        if let Some(marks) = diff::lacking(&then, &now) {
            (*gone, *come) = marks;
        }
    }
    (gone, come)
}

/// Policies with the marks of their lines: which are not on the other side.
fn policies(
    page: &mut Markup,
    title: &'static str,
    (policies, marks): (&[ProposedPolicy], &[Vec<bool>]),
    when_empty: &'static str,
) {
    let size: u64 = policies.iter().map(|policy| policy.characters).sum();
    page.raw("<div><h5>")
        .raw(title)
        .raw(" <span class=\"muted\">")
        .number(size)
        .raw(" characters</span></h5>");
    if policies.is_empty() {
        page.raw("<p class=\"muted\">").raw(when_empty).raw("</p>");
    }
    let tag = if title == "Now" { "del" } else { "ins" };
    for (at, policy) in policies.iter().enumerate() {
        page.raw("<p class=\"policy\">").element("b", "", &policy.name).raw(" <span class=\"muted\">");
        page.raw(policy.attach.as_str()).raw("</span></p>");
        page.marked_json(&policy.document, marks.get(at).map_or(&[], Vec::as_slice), tag);
    }
    page.raw("</div>");
}

fn split(page: &mut Markup, context: &Context<'_>, proposal: &Proposal) {
    if let Some(reason) = &proposal.not_split {
        page.raw("<h5>One role per workload</h5><p class=\"muted\">Not proposed: ").text(reason).raw("</p>");
    }
    if proposal.split.is_empty() {
        return;
    }
    page.raw("<h5>One role per workload</h5><p>Several workloads share this role. Split, each would get only what it used itself.</p>");
    for one in &proposal.split {
        page.raw("<details class=\"more\"><summary><b>").text(&one.role_name).raw("</b> for ");
        context.anchors.workload(page, &one.workload);
        page.raw("</summary>");
        page.raw("<p>").text(&one.change).raw("</p><p class=\"muted\">").text(&loss(one)).raw("</p>");
        policies(page, "Policies", (&one.policies, &[]), "It used nothing through the role's own policies.");
        match &one.trust {
            Some(trust) => page.raw("<h5>Trust policy</h5>").json(trust),
            None => page.raw("<p class=\"muted\">The trust policy does not tell the workloads apart.</p>"),
        };
        page.raw("</details>");
    }
}

fn last_accessed_words(seen: &crate::report::LastAccessed) -> String {
    format!("{}, last at {}", seen.name, seen.at)
}

/// What the workload loses, and what is known of what it keeps.
fn loss(one: &crate::report::Split) -> String {
    let others = match one.loses.used_by_others.len() {
        0 => "others used none of them".to_owned(),
        n => format!("of them, others used {n}: {}", one.loses.used_by_others.join(", ")),
    };
    format!(
        "It loses {}; {others}. New access: {}; {} of {} observed requests allowed.",
        count(one.loses.actions, "action", "actions"),
        one.proof.no_new_access.as_str(),
        one.replay.allowed,
        one.replay.requests
    )
}
