//! One self-contained page: no request leaves it, nothing in it runs but its own script, and it reads without that too.
//!
//! Text becomes markup in `markup` only. The content security policy names the hashes of the one style sheet and the one script,
//! so that even a forgotten escape could not run anything.

mod bindings;
mod chart;
mod coverage;
mod diff;
mod findings;
mod grant;
mod grounds;
mod markup;
mod namespaces;
mod overview;
mod risks;
mod role;
mod roles;
mod stages;
mod words;
mod work;
mod workloads;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use markup::Markup;
use sha2::{Digest, Sha256};

use super::summary::Summary;
use super::{Report, Role, Severity};

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");

/// With more roles and workloads than this, a browser would take seconds to lay the whole page out.
const LARGE: usize = 200;

/// The page.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let context = Context {
        report,
        summary: Summary::of(report),
        anchors: Anchors::of(report),
        works: work::Works::of(report),
        namespaces: namespaces::all(report),
        worst: worst(report),
        is_large: report.roles.len() + report.workloads.len() > LARGE,
    };
    let mut page = Markup::default();
    head(&mut page);
    page.raw("<body>\n<a class=\"skip\" href=\"#main\">Skip to the report</a>\n");
    navigation(&mut page, &context);
    page.raw("<main id=\"main\" tabindex=\"-1\">\n");
    overview::write(&mut page, &context);
    findings::write(&mut page, &context);
    roles::write(&mut page, &context);
    workloads::write(&mut page, &context);
    namespaces::write(&mut page, &context);
    coverage::write(&mut page, &context);
    words::write(&mut page, &context);
    page.raw("</main>\n<footer><p>").text(&report.tool.name).raw(" ").text(&report.tool.version);
    let catalog = &report.tool.catalog;
    page.raw(" · IAM catalog of ").text(&catalog.date).raw(" with ").number(catalog.services);
    page.raw(" services and ").number(catalog.actions).raw(" actions · ").text(&report.schema);
    page.raw("</p></footer>\n<script>").raw(SCRIPT).raw("</script>\n</body>\n</html>\n");
    out.write_all(page.as_str().as_bytes())
}

/// What every part of the page looks at.
struct Context<'a> {
    report: &'a Report,
    summary: Summary,
    anchors: Anchors<'a>,
    works: work::Works<'a>,
    namespaces: Vec<namespaces::Namespace<'a>>,
    /// The worst finding about each subject that nobody answers for.
    worst: BTreeMap<&'a str, Severity>,
    /// The parts of roles, workloads and namespaces are held back until they are opened.
    is_large: bool,
}

fn worst(report: &Report) -> BTreeMap<&str, Severity> {
    let mut worst: BTreeMap<&str, Severity> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| !finding.is_excepted()) {
        let known = worst.entry(finding.subject.as_str()).or_insert(finding.severity);
        *known = (*known).max(finding.severity);
    }
    worst
}

fn head(page: &mut Markup) {
    page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta http-equiv=\"Content-Security-Policy\"");
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    page.attribute("content", &policy).raw(">\n");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light dark\">\n");
    page.raw(
        "<meta name=\"generator\" content=\"leastwise\">\n<title>Least-privilege audit</title>\n<style>",
    );
    page.raw(STYLE).raw("</style>\n</head>\n");
}

fn navigation(page: &mut Markup, context: &Context<'_>) {
    let report = context.report;
    page.raw("<header class=\"top\"><div class=\"wide\"><a class=\"mark\" href=\"#overview\">leastwise</a>");
    page.raw("<nav aria-label=\"Parts of the report\"><ul><li><a href=\"#overview\">Overview</a></li>");
    let parts = [
        ("<li><a href=\"#findings\">Findings ", report.findings.len()),
        ("<li><a href=\"#roles\">Roles ", report.roles.len()),
        ("<li><a href=\"#workloads\">Workloads ", report.workloads.len()),
        ("<li><a href=\"#namespaces\">Namespaces ", context.namespaces.len()),
    ];
    for (markup, n) in parts.into_iter().filter(|(markup, n)| *n > 0 || !markup.contains("#namespaces")) {
        page.raw(markup).raw("<span class=\"muted\">").number(n as u64).raw("</span></a></li>");
    }
    page.raw("<li><a href=\"#coverage\">Coverage</a></li><li><a href=\"#words\">Terms</a></li></ul></nav></div></header>\n");
}

/// Where each role's and workload's part of the page is found.
struct Anchors<'a> {
    roles: BTreeMap<&'a str, String>,
    workloads: BTreeMap<&'a str, String>,
}

impl<'a> Anchors<'a> {
    fn of(report: &'a Report) -> Self {
        let mut taken = BTreeSet::new();
        let mut free = |wanted: String| {
            let mut id = wanted.clone();
            let mut n = 2;
            while !taken.insert(id.to_lowercase()) {
                id = format!("{wanted}-{n}");
                n += 1;
            }
            id
        };
        let roles = report
            .roles
            .iter()
            .map(|role| {
                (role.arn.as_str(), free(format!("role-{}-{}", slug(&role.account), slug(&role.name))))
            })
            .collect();
        let workloads = report
            .workloads
            .iter()
            .map(|workload| (workload.id.as_str(), free(format!("workload-{}", slug(&workload.id)))))
            .collect();
        Self { roles, workloads }
    }

    /// A role's ARN, as a link to its part where there is one.
    fn role(&self, page: &mut Markup, arn: &str) {
        match self.roles.get(arn) {
            Some(id) => {
                page.raw("<a").attribute("href", &format!("#{id}")).raw(">").code(arn).raw("</a>");
            }
            None => {
                page.code(arn);
            }
        }
    }

    /// A role's name, as a link to its part.
    fn role_name(&self, page: &mut Markup, role: &Role) {
        let anchor = self.roles.get(role.arn.as_str()).map_or("roles", String::as_str);
        page.raw("<a").attribute("href", &format!("#{anchor}")).raw(">").text(&role.name).raw("</a>");
    }

    /// Workloads in a table's cell, without the places they run in.
    fn workloads(&self, page: &mut Markup, ids: &[String]) {
        for id in ids {
            page.raw("<span class=\"item\">");
            match self.workloads.get(id.as_str()) {
                Some(anchor) => {
                    page.raw("<a").attribute("href", &format!("#{anchor}")).raw(">");
                    workloads::telling(page, id);
                    page.raw("</a>");
                }
                None => workloads::telling(page, id),
            }
            page.raw("</span> ");
        }
    }

    /// A workload, as a link to its part where there is one.
    fn workload(&self, page: &mut Markup, id: &str) {
        match self.workloads.get(id) {
            Some(anchor) => {
                page.raw("<a").attribute("href", &format!("#{anchor}")).raw(">");
                workloads::name(page, id);
                page.raw("</a>");
            }
            None => workloads::name(page, id),
        }
    }
}

/// A text as part of an element's id, which is also part of a link.
fn slug(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '.' { c } else { '-' })
        .take(160)
        .collect()
}

/// A source of the content security policy: `sha256-` and the hash in base 64.
fn hash(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = "sha256-".to_owned();
    for chunk in Sha256::digest(text.as_bytes()).chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            // A chunk of n bytes makes n + 1 digits; the rest is padding.
            let digit = ALPHABET.get((bits >> (18 - 6 * at) & 63) as usize).filter(|_| at <= chunk.len());
            out.push(digit.map_or('=', |digit| char::from(*digit)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_written_as_browsers_want_them() {
        // `printf alert | openssl dgst -sha256 -binary | base64`, and the same of nothing.
        assert_eq!(hash(""), "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(hash("abc"), "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    }

    #[test]
    fn nothing_in_the_assets_ends_their_element_or_loads_anything() {
        for asset in [STYLE, SCRIPT] {
            assert!(!asset.contains("</"), "an asset must not close its element");
            for word in ["http:", "https:", "url(", "@import", "eval(", "innerHTML"] {
                assert!(!asset.contains(word), "`{word}` has no place in an asset");
            }
        }
    }
}
