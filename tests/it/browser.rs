//! The HTML report in a real browser: what a reader clicks, types, prints and hears, and what hostile text tries.

mod driver;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

use fantoccini::key::Key;
use leastwise::analyze;
use leastwise::ingest::Quiet;
use leastwise::report::{self, Finding, FindingEvidence, Format, ProposalVerdict, Report, Role};
use serde_json::{Value, json};

use self::driver::{Page, browse};
use crate::support::{python_tool, root};
use crate::world;

fn sample() -> PathBuf {
    root().join("reports/report.html")
}

fn rendered(report: &Report, dir: &Path) -> PathBuf {
    let mut out = Vec::new();
    report::write(Format::Html, report, &mut out).unwrap();
    let path = dir.join("report.html");
    fs::write(&path, out).unwrap();
    path
}

/// Nothing was complained about, and nothing but the page itself was asked for.
async fn is_quiet(page: &Page, path: &Path) {
    assert_eq!(page.console(), Vec::<String>::new());
    let file = format!("file://{}", path.display());
    let requests = page.requests();
    assert!(!requests.is_empty(), "the page's own request is seen");
    assert!(requests.iter().all(|url| url.split('#').next() == Some(&file)), "{requests:?}");
    assert_eq!(page.js("return performance.getEntriesByType('resource').length").await, 0);
}

const SHOWN: &str = "const shown = [...document.querySelectorAll('#finding-list > article')]\
    .filter((card) => card.checkVisibility());
    const said = document.querySelector('output[data-count=finding-list]').textContent;
    return { n: shown.length, said, severities: [...new Set(shown.map((card) => card.dataset.severity))],\
    lacking: shown.filter((card) => !card.textContent.toLowerCase().includes(arguments[0])).length }";

#[test]
fn every_link_leads_somewhere_and_nothing_is_loaded() {
    browse(async |page| {
        page.open(&sample()).await;
        let policy = page.js("return document.querySelector('meta[http-equiv]').content").await;
        assert!(policy.as_str().unwrap().starts_with("default-src 'none'; "), "{policy}");
        let links = page
            .js("const links = [...document.querySelectorAll('a')];
                return { n: links.length, lost: links.map((link) => link.getAttribute('href'))
                    .filter((to) => !to.startsWith('#') || !document.getElementById(to.slice(1))) }")
            .await;
        assert!(links["n"].as_u64().unwrap() > 100 && links["lost"] == json!([]), "{links}");
        // A link into a closed role opens it, shows it, and does so again after it was closed.
        for _ in 0..2 {
            page.click("#role-rows tr:last-child a").await;
            let seen = "const target = document.getElementById(location.hash.slice(1));
                return !!target?.closest('details').open && target.checkVisibility()";
            page.until(seen, Value::Null).await;
            page.js("document.getElementById(location.hash.slice(1)).closest('details').open = false").await;
        }
        is_quiet(page, &sample()).await;
    });
}

#[test]
fn findings_are_filtered_by_severity_and_text_and_say_so() {
    browse(async |page| {
        page.open(&sample()).await;
        let all = page.js_with(SHOWN, json!("")).await;
        assert_eq!(all["said"], "");
        let total = all["n"].as_u64().unwrap();
        let severities = all["severities"].as_array().unwrap().clone();
        assert!(severities.len() > 2, "{all}");
        for severity in &severities {
            let button = format!("button[data-toggle={}]", severity.as_str().unwrap());
            page.click(&button).await;
            let some = page.js_with(SHOWN, json!("")).await;
            let n = some["n"].as_u64().unwrap();
            assert!(n > 0 && n < total, "{severity}: {some}");
            assert!(!some["severities"].as_array().unwrap().contains(severity), "{severity}: {some}");
            assert_eq!(some["said"], format!("{n} of {total}"), "{severity}");
            page.click(&button).await;
            assert_eq!(page.js_with(SHOWN, json!("")).await, all, "{severity} is back");
        }
        let field = page.find("input[data-filter=finding-list]").await;
        field.send_keys("WILDCARD").await.unwrap();
        let some = page.js_with(SHOWN, json!("wildcard")).await;
        let n = some["n"].as_u64().unwrap();
        assert!(n > 0 && n < total && some["lacking"] == 0, "{some}");
        assert_eq!(some["said"], format!("{n} of {total}"));
        field.send_keys(" no-such-word").await.unwrap();
        let none = page.js_with(SHOWN, json!("")).await;
        assert_eq!((&none["n"], &none["said"]), (&json!(0), &json!(format!("0 of {total}"))));
        // By kind: chosen in the list, or on the first screen; the words typed go on to hold.
        let of_kind = "const shown = [...document.querySelectorAll('#finding-list > article')].filter((card) => card.checkVisibility());
            return { n: shown.length, codes: [...new Set(shown.map((card) => card.dataset.code))] }";
        for _ in 0.." no-such-word".len() + "WILDCARD".len() {
            field.send_keys(&char::from(Key::Backspace).to_string()).await.unwrap();
        }
        let kinds = page
            .js("return [...document.querySelectorAll('select[data-kinds] option')].slice(1).map((option) => [option.value, option.textContent])")
            .await;
        let mut sum = 0;
        for kind in kinds.as_array().unwrap() {
            page.js_with(
                "const list = document.querySelector('select[data-kinds]'); list.value = arguments[0]; list.dispatchEvent(new Event('input'))",
                kind[0].clone(),
            )
            .await;
            let some = page.js(of_kind).await;
            assert_eq!(some["codes"], json!([kind[0]]));
            assert_eq!(kind[1], format!("{} ({})", kind[0].as_str().unwrap(), some["n"]));
            sum += some["n"].as_u64().unwrap();
        }
        assert!(sum == total && kinds.as_array().unwrap().len() > 8, "{kinds}");
        let chosen = page.js("return document.querySelector('#overview a[data-kind]').dataset.kind").await;
        page.click("#overview a[data-kind]").await;
        assert_eq!(page.js(of_kind).await["codes"], json!([chosen]));
        assert_eq!(page.js("return document.querySelector('select[data-kinds]').value").await, chosen);
        // A link to a finding that all filters hide shows it.
        let hidden = page
            .js("const card = document.querySelector('#finding-list > article');
                const kinds = document.querySelector('select[data-kinds]');
                kinds.value = [...kinds.options].find((one) => one.value && one.value !== card.dataset.code).value;
                kinds.dispatchEvent(new Event('input'));
                document.querySelector(`button[data-toggle=${card.dataset.severity}]`).click();
                location.hash = card.id; return card.id")
            .await;
        let seen = "return document.getElementById(arguments[0]).checkVisibility() &&\
            document.querySelectorAll('button[data-toggle][aria-pressed=false]').length === 0";
        page.until(seen, hidden).await;
        assert_eq!(page.js_with(SHOWN, json!("")).await, all);
        is_quiet(page, &sample()).await;
    });
}

#[test]
fn tables_sort_by_their_heads() {
    browse(async |page| {
        page.open(&sample()).await;
        let n_heads = page
            .js("return document.getElementById('role-rows').closest('table').tHead.rows[0].cells.length")
            .await
            .as_u64()
            .unwrap();
        assert_eq!(n_heads, 12);
        for column in 0..n_heads {
            let mut orders = Vec::new();
            for _ in 0..2 {
                let sorted = page
                    .js_with(
                        "const table = document.getElementById('role-rows').closest('table');
                        const head = table.tHead.rows[0].cells[arguments[0]];
                        head.querySelector('button').click();
                        return { order: head.getAttribute('aria-sort'),
                            others: table.querySelectorAll('[aria-sort]').length - 1,
                            values: [...table.tBodies[0].rows].map((row) => {
                                const cell = row.cells[arguments[0]];
                                return cell.dataset.v === undefined ? cell.textContent.trim().toLowerCase() : Number(cell.dataset.v) }) }",
                        json!(column),
                    )
                    .await;
                assert_eq!(sorted["others"], 0);
                let values = sorted["values"].as_array().unwrap();
                let key = |value: &Value| (value.as_f64().unwrap_or(0.0), value.as_str().map(str::to_owned));
                let holds = values.windows(2).all(|pair| match sorted["order"].as_str().unwrap() {
                    "ascending" => key(&pair[0]) <= key(&pair[1]),
                    _ => key(&pair[0]) >= key(&pair[1]),
                });
                assert!(values.len() > 20 && holds, "column {column}: {sorted}");
                orders.push(sorted["order"].clone());
            }
            assert_ne!(orders[0], orders[1], "a second click turns the order");
        }
    });
}

#[test]
fn everything_works_by_keyboard_and_has_a_name() {
    browse(async |page| {
        page.open(&sample()).await;
        page.press(&Key::Tab).await;
        assert_eq!(page.focus().await["text"], "Skip to the report");
        page.press(&Key::Enter).await;
        page.until("return document.activeElement.id === 'main'", Value::Null).await;
        // Every stop on the way has a visible ring.
        let mut stops = 0;
        while page.focus().await["toggle"].is_null() {
            page.press(&Key::Tab).await;
            let focus = page.focus().await;
            assert_ne!(focus["outline"], "none", "{focus}");
            stops += 1;
            assert!(stops < 500, "no severity switch is reached: {focus}");
        }
        for (key, pressed) in [(" ".to_owned(), "false"), (char::from(Key::Enter).to_string(), "true")] {
            page.type_in(&key).await;
            assert_eq!(page.focus().await["pressed"], pressed);
        }
        page.js("document.querySelector('#role-list > details > summary').focus()").await;
        page.press(&Key::Enter).await;
        assert_eq!(page.js("return document.querySelector('#role-list > details').open").await, true);
        page.type_in(" ").await;
        assert_eq!(page.js("return document.querySelector('#role-list > details').open").await, false);

        // What a screen reader is told.
        let tree = page.cdp("Accessibility.getFullAXTree", json!({}));
        let mut n_named = 0;
        for node in tree["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] != true) {
            let role = node["role"]["value"].as_str().unwrap_or_default();
            if ["button", "link", "searchbox", "table", "image", "DisclosureTriangle"].contains(&role) {
                n_named += 1;
                assert_ne!(node["name"]["value"].as_str().unwrap_or_default(), "", "{role}: {node}");
            }
        }
        assert!(n_named > 200, "{n_named}");
    });
}

/// What assistive programs build on: one of each landmark, headings without a leap, tables with captions and heads, and an order of focus
/// that is the order of the text.
#[test]
fn a_screen_reader_finds_its_way() {
    browse(async |page| {
        page.open(&sample()).await;
        let seen = page
            .js("const all = (selector) => [...document.querySelectorAll(selector)];
                const levels = all('h1, h2, h3, h4, h5, h6').map((head) => Number(head.tagName[1]));
                return { lang: document.documentElement.lang, title: document.title,
                    landmarks: ['main', 'body > header', 'nav[aria-label]', 'footer'].map((one) => all(one).length),
                    h1: levels.filter((level) => level === 1).length, n: levels.length,
                    leaps: levels.filter((level, at) => at > 0 && level > levels[at - 1] + 1).length,
                    sections: all('section').filter((one) => !document.getElementById(one.getAttribute('aria-labelledby'))).length,
                    positive: all('[tabindex]').filter((one) => one.tabIndex > 0).length,
                    tables: all('table').filter((one) => !one.caption?.textContent ||
                        [...one.tHead.rows[0].cells].some((cell) => cell.scope !== 'col') ||
                        [...one.tBodies[0].rows].some((row) => row.cells[0].scope !== 'row')).length,
                    scrolling: all('.scroll').filter((one) => one.getAttribute('role') !== 'region' || !one.getAttribute('aria-label')).length,
                    fields: all('input, select').filter((one) => !one.labels.length).length,
                    live: all('output[aria-live=polite]').length }")
            .await;
        assert_eq!((&seen["lang"], &seen["title"]), (&json!("en"), &json!("Least-privilege audit")));
        assert_eq!((&seen["landmarks"], &seen["h1"]), (&json!([1, 1, 1, 1]), &json!(1)), "{seen}");
        assert!(seen["n"].as_u64().unwrap() > 100 && seen["live"].as_u64().unwrap() > 2, "{seen}");
        for wrong in ["leaps", "sections", "positive", "tables", "scrolling", "fields"] {
            assert_eq!(seen[wrong], 0, "{wrong}: {seen}");
        }
        page.js("window.stops = []; addEventListener('focusin', (event) => stops.push(event.target))").await;
        for _ in 0..60 {
            page.press(&Key::Tab).await;
        }
        let order = page
            .js("return [stops.length, stops.filter((one, at) => at > 0 &&
                !(stops[at - 1].compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING)).length]")
            .await;
        assert_eq!(order, json!([60, 0]), "focus moves as the text does");
        is_quiet(page, &sample()).await;
    });
}

/// Printed to PDF, every part is there to be read: each finding, role, workload and namespace by its name.
#[test]
fn the_printed_report_holds_every_part() {
    let dir = tempfile::tempdir().unwrap();
    let pdf = dir.path().join("report.pdf");
    let printed = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--no-pdf-header-footer",
        ])
        .arg(format!("--user-data-dir={}", dir.path().join("profile").display()))
        .arg(format!("--print-to-pdf={}", pdf.display()))
        .arg(format!("file://{}", sample().display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(printed.success(), "{printed}");
    // Lines break anywhere, and letters may be joined: what is compared has neither.
    let script = "import sys, unicodedata, pypdf\n\
        text = ''.join(page.extract_text() for page in pypdf.PdfReader(sys.argv[1]).pages)\n\
        sys.stdout.reconfigure(encoding='utf-8')\n\
        print(''.join(unicodedata.normalize('NFKC', text).split()))";
    let told = Command::new(python_tool("python")).args(["-c", script]).arg(&pdf).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let text = String::from_utf8(told.stdout).unwrap();
    let has = |words: &str| text.contains(&words.split_whitespace().collect::<String>());
    for title in [
        "Roles by excess",
        "Log coverage by account",
        "Findings",
        "Roles",
        "Workloads",
        "Namespaces",
        "Coverage",
        "Terms",
        "Kinds of findings",
        "Power, in parts",
        "Used actions",
        "What each statement rests on",
        "Allows nothing new",
        "Trust policy",
    ] {
        assert!(has(title), "{title}");
    }
    let report: Report =
        serde_json::from_slice(&fs::read(root().join("reports/report.json")).unwrap()).unwrap();
    let findings = report.findings.iter().map(|finding| finding.title.replace('`', ""));
    let roles = report.roles.iter().map(|role| role.arn.clone());
    let workloads = report.workloads.iter().map(|workload| workload.id.clone());
    let mut n = 0;
    for words in findings.chain(roles).chain(workloads) {
        assert!(has(&words), "{words}");
        n += 1;
    }
    assert!(n > 80, "{n}");
}

/// Every visible text against the colour behind it, as WCAG 2 counts contrast; AA wants 4.5.
const PALE: &str = "
    const channel = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const light = (c) => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
    const parse = (text) => { const c = text.match(/[\\d.]+/g).map(Number); return c.length < 4 ? [...c, 1] : c; };
    const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3]));
    const behind = (element) => {
        if (!element) return [255, 255, 255];
        const c = parse(getComputedStyle(element).backgroundColor);
        return c[3] === 1 ? c : over(c, behind(element.parentElement));
    };
    const pale = {};
    let n = 0;
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || element.tagName === 'SCRIPT' || !element.checkVisibility()) continue;
        n += 1;
        let opacity = 1;
        for (let up = element; up; up = up.parentElement) opacity *= Number(getComputedStyle(up).opacity);
        const ground = behind(element);
        const ink = parse(getComputedStyle(element).color);
        ink[3] *= opacity;
        const [high, low] = [light(over(ink, ground)), light(ground)].sort((a, b) => b - a);
        const contrast = (high + 0.05) / (low + 0.05);
        if (contrast < 4.5) pale[`${element.tagName}.${element.className}`] = contrast;
    }
    return { n, pale, ground: getComputedStyle(document.body).backgroundColor }";

#[test]
fn it_reads_in_light_and_dark_on_a_phone_and_on_paper() {
    browse(async |page| {
        page.open(&sample()).await;
        let mut grounds = Vec::new();
        for scheme in ["light", "dark"] {
            page.cdp(
                "Emulation.setEmulatedMedia",
                json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
            );
            let seen = page.js(PALE).await;
            assert!(seen["n"].as_u64().unwrap() > 1000 && seen["pale"] == json!({}), "{scheme}: {seen}");
            grounds.push(seen["ground"].clone());
        }
        assert_ne!(grounds[0], grounds[1]);

        page.cdp(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true }),
        );
        let width = "return [innerWidth, document.documentElement.scrollWidth]";
        assert_eq!(page.js(width).await, json!([390, 390]));
        page.js("for (const fold of document.querySelectorAll('details')) fold.open = true").await;
        assert_eq!(page.js(width).await, json!([390, 390]), "with everything open");
        page.js("for (const fold of document.querySelectorAll('details')) fold.open = false").await;
        page.cdp("Emulation.clearDeviceMetricsOverride", json!({}));

        page.cdp("Emulation.setEmulatedMedia", json!({ "media": "print" }));
        let printed = page
            .js("const parts = [...document.querySelectorAll('.role-body, .finding, #workloads, #coverage, #words')];
                return { n: parts.length, tools: document.querySelector('.tools').checkVisibility(),
                    lost: parts.filter((part) => part.getBoundingClientRect().height < 40).map((part) => part.id) }")
            .await;
        assert!(printed["n"].as_u64().unwrap() > 60, "{printed}");
        assert_eq!((&printed["lost"], &printed["tools"]), (&json!([]), &json!(false)));
        page.cdp("Emulation.setEmulatedMedia", json!({ "media": "" }));
        // For paper without the style's help, folds open before and close after.
        let folds = page
            .js("const folds = [...document.querySelectorAll('details')]; const open = () => folds.filter((fold) => fold.open).length;
                const was = open(); dispatchEvent(new Event('beforeprint')); const during = open();
                dispatchEvent(new Event('afterprint')); return [was, during, open(), folds.length]")
            .await;
        assert!(folds[0] == folds[2] && folds[1] == folds[3] && folds[0] != folds[1], "{folds}");
        is_quiet(page, &sample()).await;
    });
}

/// Texts that would act if one place forgot to escape them.
const HOSTILE: [&str; 9] = [
    "<img src=x onerror=\"document.title='ran'\">",
    "\"><svg onload=\"document.title='ran'\">",
    "</script><script>document.title='ran'</script>",
    "</style></title></textarea><iframe srcdoc=\"<script>top.document.title='ran'</script>\">",
    "javascript:document.title='ran'",
    "' autofocus tabindex=0 onfocus=document.title='ran' x='",
    "=HYPERLINK(\"http://127.0.0.1:9/\",\"here\")",
    "\u{202e}gnp.exe\u{2066}\u{0}\u{7}\u{1b}[31m\u{200f}\u{feff}",
    "&lt;script&gt;&#106;avascript:&amp;",
];

/// The mixed fixture, with every hostile text in every place of a finding, a role and a workload that a log reaches.
fn hostile() -> Report {
    let mut report: Report = serde_json::from_str(include_str!("../data/report/mixed.json")).unwrap();
    let finding = report.findings[0].clone();
    let role = report.roles.iter().find(|role| !role.used.is_empty()).unwrap().clone();
    let workload = report.workloads[0].clone();
    for text in HOSTILE.map(str::to_owned) {
        report.findings.push(Finding {
            id: text.clone(),
            code: text.clone(),
            subject: text.clone(),
            title: text.clone(),
            detail: text.clone(),
            fix: text.clone(),
            evidence: vec![
                FindingEvidence::Event(text.clone()),
                FindingEvidence::Fact(text.clone()),
                FindingEvidence::Document { file: text.clone(), at: text.clone() },
            ],
            ..finding.clone()
        });
        let mut role = role.clone();
        role.arn = format!("arn:aws:iam::111122223333:role/{text}");
        role.name.clone_from(&text);
        role.account.clone_from(&text);
        role.unused_services.push(text.clone());
        role.unused_actions.push(text.clone());
        report.roles.push(role);
        let mut workload = workload.clone();
        workload.id.clone_from(&text);
        workload.kind.clone_from(&text);
        workload.namespace = Some(text.clone());
        workload.roles.push(text);
        report.workloads.push(workload);
    }
    report
}

#[test]
fn hostile_text_stays_text() {
    let dir = tempfile::tempdir().unwrap();
    let path = rendered(&hostile(), dir.path());
    browse(async |page| {
        page.open(&path).await;
        // Everything is shown, each link followed, each switch used once.
        page.js("for (const fold of document.querySelectorAll('details')) fold.open = true;
            for (const link of document.querySelectorAll('a')) link.click();
            for (const button of document.querySelectorAll('button')) button.click();
            for (const place of document.querySelectorAll('*')) place.focus?.()")
            .await;
        let seen = page
            .js("const acts = /[\\u0000-\\u0008\\u000b-\\u001f\\u007f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069\\ufeff]/;
                const all = [...document.querySelectorAll('*')];
                return { title: document.title, at: location.protocol, scripts: document.scripts.length,
                    foreign: all.filter((e) => e.matches('img, iframe, object, embed, form, svg *[onload], base, link')).length,
                    handlers: all.flatMap((e) => e.getAttributeNames()).filter((name) => name.startsWith('on')),
                    links: [...document.querySelectorAll('[href]')].filter((e) => !e.getAttribute('href').startsWith('#')).length,
                    acting: all.flatMap((e) => [e.className.baseVal ?? e.className, e.id, e.title ?? ''])
                        .concat(document.body.textContent).filter((text) => acts.test(text)).length,
                    text: document.body.textContent }")
            .await;
        assert_eq!(seen["title"], "Least-privilege audit");
        assert_eq!(seen["at"], "file:");
        assert_eq!((&seen["scripts"], &seen["foreign"], &seen["links"]), (&json!(1), &json!(0), &json!(0)));
        assert_eq!((&seen["handlers"], &seen["acting"]), (&json!([]), &json!(0)));
        let text = seen["text"].as_str().unwrap();
        for hostile in HOSTILE.iter().filter(|hostile| hostile.is_ascii()) {
            assert!(text.matches(hostile).count() > 5, "{hostile}");
        }
        is_quiet(page, &path).await;
    });
}

/// The other test's checks would see it: a page in which an escape was forgotten runs nothing, and the browser says why.
#[test]
fn the_policy_stops_what_an_escape_would_have_let_through() {
    let dir = tempfile::tempdir().unwrap();
    let path = rendered(&hostile(), dir.path());
    let page = fs::read_to_string(&path).unwrap();
    let forgotten = page.replacen("<main", &format!("{}<main", HOSTILE[..4].concat()), 1);
    assert_ne!(forgotten, page);
    fs::write(&path, forgotten).unwrap();
    browse(async |page| {
        page.open(&path).await;
        assert_eq!(page.js("return document.title").await, "Least-privilege audit");
        let console = page.console();
        assert!(
            console.iter().filter(|line| line.contains("Content Security Policy")).count() > 2,
            "{console:?}"
        );
    });
}

/// The sample's roles over and over, each with a name of its own, and its findings with them.
pub(crate) fn thousand() -> Report {
    let mut report: Report =
        serde_json::from_slice(&fs::read(root().join("reports/report.json")).unwrap()).unwrap();
    let (roles, findings) = (report.roles.clone(), report.findings.clone());
    report.roles.clear();
    for n in 0..1000 {
        let mut role = roles[n % roles.len()].clone();
        for finding in findings.iter().filter(|finding| finding.subject == role.arn) {
            let mut finding = finding.clone();
            finding.id = format!("{}-{n:04}", finding.id);
            finding.subject = format!("{}-{n:04}", finding.subject);
            report.findings.push(finding);
        }
        role.name = format!("{}-{n:04}", role.name);
        role.arn = format!("{}-{n:04}", role.arn);
        report.roles.push(role);
    }
    report
}

/// In a large report the parts of roles become elements when they are opened, searched by what they say before that, and printed whole;
/// without the script they are there from the start.
#[test]
fn what_a_large_report_holds_back_is_there_when_asked_for() {
    let mut report = thousand();
    report.roles.truncate(300);
    let at = report.roles.iter().rposition(|role| !role.denied.is_empty()).unwrap();
    report.roles[at].denied[0].sample = format!("{} zanzibar", HOSTILE.join(" "));
    let dir = tempfile::tempdir().unwrap();
    let path = rendered(&report, dir.path());
    browse(async |page| {
        page.open(&path).await;
        let state = "const parts = [...document.querySelectorAll('#role-list > details')];
            return { n: parts.length, held: parts.filter((part) => part.querySelector('noscript')).length,
                bare: parts.filter((part) => !part.querySelector('table')).length }";
        assert_eq!(page.js(state).await, json!({ "n": 300, "held": 300, "bare": 300 }));
        // By what stands in a part nobody opened.
        let found = page
            .js("const field = document.querySelector('input[data-filter~=role-rows]');
                field.value = 'zanzibar <img'; field.dispatchEvent(new Event('input'));
                const parts = [...document.querySelectorAll('#role-list > details')].filter((part) => part.checkVisibility());
                parts[0].querySelector('summary').click();
                return parts.map((part) => part.dataset.key)")
            .await;
        assert_eq!(found, json!([report.roles[at].arn]));
        let opened = "const part = document.querySelector('#role-list > details[open]');
            return part.querySelectorAll('table').length > 2 && part.querySelectorAll('thead button').length > 5 &&
                part.textContent.includes(arguments[0])";
        page.until(opened, json!(HOSTILE[0])).await;
        assert_eq!(page.js(state).await, json!({ "n": 300, "held": 299, "bare": 299 }));
        // By a link, and all of them before they are printed.
        page.js("document.querySelector('#finding-list a[href^=\"#role-\"]').click()").await;
        page.until(
            "return !!document.getElementById(location.hash.slice(1))?.querySelector('table')",
            Value::Null,
        )
        .await;
        page.js("dispatchEvent(new Event('beforeprint'))").await;
        assert_eq!(page.js(state).await, json!({ "n": 300, "held": 0, "bare": 0 }));
        let all = page
            .js("return [...document.querySelectorAll('#role-list > details')].every((part) => part.open)");
        assert_eq!(all.await, true);
        assert_eq!(page.js("return document.title").await, "Least-privilege audit");
        is_quiet(page, &path).await;
        page.cdp("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
        page.open(&path).await;
        page.click("#role-list > details > summary").await;
        let text = page.find("#role-list > details[open] .role-body").await.text().await.unwrap();
        assert!(text.contains("Granted, by service") && text.contains("Used actions"), "{text}");
    });
}

#[test]
fn a_thousand_roles_open_and_filter() {
    let report = thousand();
    let dir = tempfile::tempdir().unwrap();
    let path = rendered(&report, dir.path());
    opens_and_filters(&path, &report, &report.roles[777]);
}

/// Roles that are really different, in many accounts: granted, used and judged each in its own way. `LEASTWISE_ROLES` says how many.
#[test]
fn an_organization_of_different_roles_opens_and_filters() {
    let n_roles = env::var("LEASTWISE_ROLES").map_or(300, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    world::organization::write(dir.path(), 1, n_roles).unwrap();
    let settings = analyze::Settings {
        sources: vec![dir.path().join("AWSLogs").display().to_string()],
        iam: vec![dir.path().join("iam")],
        ..analyze::Settings::default()
    };
    let report = analyze::audit(&settings, None, &Quiet, &AtomicBool::new(false)).unwrap().report;
    assert_eq!(report.roles.len(), n_roles);
    let different = |texts: &mut dyn Iterator<Item = String>| texts.collect::<BTreeSet<_>>().len();
    let documents = |policies: &[report::ProposedPolicy]| {
        policies.iter().map(|policy| policy.document.to_string()).collect::<String>()
    };
    let mut all = report.roles.iter();
    assert!(different(&mut all.clone().map(|role| documents(&role.proposal.current))) > n_roles * 9 / 10);
    assert!(different(&mut all.clone().map(|role| documents(&role.proposal.policies))) > n_roles / 2);
    assert!(different(&mut all.clone().map(|role| format!("{:?}", role.granted.verdicts))) > n_roles / 3);
    assert!(different(&mut all.clone().map(|role| role.account.clone())) > n_roles / 50);
    assert!(different(&mut report.workloads.iter().map(|workload| workload.kind.to_string())) > 4);
    assert!(different(&mut report.findings.iter().map(|finding| finding.code.clone())) > 10);
    // Nothing is granted that the made calls would lose.
    assert!(all.clone().all(|role| role.proposal.replay.lost.is_empty()));
    let alone = |role: &&Role| {
        let with_it = |other: &&Role| other.arn.contains(&role.arn);
        role.calls > 0
            && role.proposal.verdict == ProposalVerdict::Replace
            && report.roles.iter().filter(with_it).count() == 1
    };
    let role = all.rfind(alone).unwrap();
    let path = rendered(&report, dir.path());
    opens_and_filters(&path, &report, role);
}

/// Opens a large page, types what only one role says, and follows the link to it; says how long it took.
fn opens_and_filters(path: &Path, report: &Report, role: &Role) {
    browse(async |page| {
        page.cdp("Performance.enable", json!({ "timeDomain": "threadTicks" }));
        page.open(path).await;
        let metrics = page.cdp("Performance.getMetrics", json!({}));
        let worked =
            metrics["metrics"].as_array().unwrap().iter().find(|metric| metric["name"] == "TaskDuration");
        let figures = page
            .js_with(
                "const loaded = performance.getEntriesByType('navigation')[0].loadEventEnd;
                const field = document.querySelector('input[data-filter~=role-rows]');
                const times = [0, -3, -2, -1, undefined].map((end) => {
                    const before = performance.now();
                    field.value = arguments[0].slice(0, end); field.dispatchEvent(new Event('input'));
                    document.body.getBoundingClientRect();
                    return performance.now() - before; });
                return { loaded, times, said: document.querySelector('output[data-count=role-rows]').textContent,
                    rows: document.querySelectorAll('#role-rows > tr:not(.away)').length,
                    parts: [...document.querySelectorAll('#role-list > details')]
                        .filter((e) => e.checkVisibility()).map((e) => e.dataset.key) }",
                json!(role.arn),
            )
            .await;
        eprintln!(
            "{} roles, {} findings: {} bytes, loaded in {} ms ({} s of the page's own thread), a letter typed takes {} ms",
            report.roles.len(),
            report.findings.len(),
            fs::metadata(path).unwrap().len(),
            figures["loaded"],
            worked.unwrap()["value"],
            figures["times"]
        );
        assert_eq!((&figures["rows"], &figures["parts"]), (&json!(1), &json!([role.arn])), "{figures}");
        assert_eq!(figures["said"], format!("1 of {}", report.roles.len()));
        let link = page.find("#role-rows > tr:not(.away) a").await.text().await.unwrap();
        assert!(link.ends_with(&role.name), "{link}");
        page.click("#role-rows > tr:not(.away) a").await;
        page.until(
            "const part = document.getElementById(location.hash.slice(1))?.closest('details');
            return part?.open === true && part.dataset.key === arguments[0] && part.querySelectorAll('table').length > 2",
            json!(role.arn),
        )
        .await;
        is_quiet(page, path).await;
    });
}
