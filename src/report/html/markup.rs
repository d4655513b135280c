//! Markup under construction, in which text cannot become markup.

use serde_json::Value;

use crate::ident::Time;
use crate::report::escape::{html, html_content};
use crate::report::summary::number;

/// A piece of a page.
///
/// INVARIANT: markup enters by [`Markup::raw`] only, which takes texts of this program's source; everything else is escaped.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    /// Markup as it stands in the source.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text, escaped for element content; the value of an attribute goes through [`Markup::attribute`].
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.0.push_str(&html_content(text));
        self
    }

    /// Lines of this program's own making, such as commands: what is not seen in any of them is shown, as everywhere.
    pub(super) fn text_lines(&mut self, lines: &str) -> &mut Self {
        for line in lines.lines() {
            self.text(line).raw("\n");
        }
        self
    }

    /// A number with grouped digits.
    pub(super) fn number(&mut self, n: u64) -> &mut Self {
        self.0.push_str(&number(n));
        self
    }

    /// Digits only, for attributes.
    pub(super) fn digits(&mut self, n: u64) -> &mut Self {
        self.0.push_str(&n.to_string());
        self
    }

    /// An attribute with its leading blank.
    pub(super) fn attribute(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.raw(" ").raw(name).raw("=\"");
        self.0.push_str(&html(value));
        self.raw("\"")
    }

    /// A sentence in which the parts between backticks are code.
    pub(super) fn prose(&mut self, text: &str) -> &mut Self {
        let parts: Vec<&str> = text.split('`').collect();
        // An even number of parts means a backtick without a partner: then they are just characters.
        if parts.len().is_multiple_of(2) {
            return self.text(text);
        }
        for (at, part) in parts.into_iter().enumerate() {
            if at % 2 == 1 {
                self.code(part)
            } else {
                self.text(part)
            };
        }
        self
    }

    /// An element with text in it.
    pub(super) fn element(&mut self, tag: &'static str, class: &'static str, text: &str) -> &mut Self {
        self.raw("<").raw(tag);
        if !class.is_empty() {
            self.raw(" class=\"").raw(class).raw("\"");
        }
        self.raw(">").text(text).raw("</").raw(tag).raw(">")
    }

    /// An identifier such as an ARN; a long one may be broken across lines at its separators.
    pub(super) fn code(&mut self, text: &str) -> &mut Self {
        /// Between two places for a break lies at least so much.
        const SHORT: usize = 12;
        self.raw("<code>");
        let mut since = 0;
        for part in text.split_inclusive([':', '/']) {
            self.raw(if since >= SHORT { "<wbr>" } else { "" });
            since = if since >= SHORT { part.len() } else { since + part.len() };
            self.text(part);
        }
        self.raw("</code>")
    }

    /// A small label.
    pub(super) fn badge(&mut self, class: &'static str, text: &str) -> &mut Self {
        self.raw("<span class=\"badge ").raw(class).raw("\">").text(text).raw("</span>")
    }

    /// A table cell with a number, which sorts by its value.
    pub(super) fn number_cell(&mut self, n: u64) -> &mut Self {
        self.raw("<td class=\"n")
            .raw(if n == 0 { " zero" } else { "" })
            .raw("\" data-v=\"")
            .digits(n)
            .raw("\">");
        self.number(n).raw("</td>")
    }

    /// A point in time to the minute; the full form is in the attribute.
    pub(super) fn time(&mut self, time: Option<Time>) -> &mut Self {
        let Some(time) = time else {
            return self.raw("<span class=\"muted\">–</span>");
        };
        let full = time.to_string();
        let (date, clock) = full.split_once('T').unwrap_or((&full, ""));
        let minute: String = clock.chars().take(5).collect();
        self.raw("<time").attribute("datetime", &full).raw(">").text(date).raw(" <span class=\"muted\">");
        self.text(&minute).raw("</span></time>")
    }

    /// A JSON document, with a handle for the script's copy button.
    pub(super) fn json(&mut self, value: &Value) -> &mut Self {
        self.marked_json(value, &[], "")
    }

    /// The same, with the marked lines inside elements of this name: `del` or `ins`.
    pub(super) fn marked_json(&mut self, value: &Value, marks: &[bool], tag: &'static str) -> &mut Self {
        /// On paper a document of more lines than this stands in two columns.
        const LONG: usize = 60;
        let lines = json_lines(value);
        self.raw(if lines.len() > LONG { "<pre class=\"long\"" } else { "<pre" });
        self.raw(" tabindex=\"0\" data-copy><code>");
        let is_marked = |at: usize| marks.get(at).copied().unwrap_or_default();
        for (at, line) in lines.iter().enumerate() {
            if is_marked(at) && (at == 0 || !is_marked(at - 1)) {
                self.raw("<").raw(tag).raw(">");
            }
            self.text(line);
            if is_marked(at) && !is_marked(at + 1) {
                self.raw("</").raw(tag).raw(">");
            }
            self.raw("\n");
        }
        self.raw("</code></pre>")
    }

    /// Identifiers in a row, the first few at once and the others behind a fold; what goes beyond the cap is counted.
    pub(super) fn codes(&mut self, texts: &[String], at_once: usize) -> &mut Self {
        /// Identifiers shown at most; `report.json` has them all.
        const MOST: usize = 60;
        let (first, others) = texts.split_at_checked(at_once).unwrap_or((texts, &[]));
        for text in first {
            self.code(text).raw(" ");
        }
        if others.is_empty() {
            return self;
        }
        self.raw("<details class=\"more\"><summary>").number(others.len() as u64).raw(" more</summary>");
        for text in others.iter().take(MOST) {
            self.code(text).raw(" ");
        }
        if others.len() > MOST {
            self.raw("<span class=\"muted\">and ").number((others.len() - MOST) as u64);
            self.raw(" further, in report.json</span>");
        }
        self.raw("</details>")
    }

    /// The first few identifiers, and how many more there are: for places beside what names them all.
    pub(super) fn few(&mut self, texts: &[String], most: usize) -> &mut Self {
        for (at, text) in texts.iter().take(most).enumerate() {
            self.raw(if at > 0 { " " } else { "" }).code(text);
        }
        match texts.len().saturating_sub(most) {
            0 => self,
            more => self.raw(" and ").number(more as u64).raw(" more"),
        }
    }

    /// Actions by service, up to a number of them.
    pub(super) fn actions(&mut self, actions: &[String], most: usize) -> &mut Self {
        let service = |action: &String| action.split_once(':').map_or("", |(service, _)| service).to_owned();
        let shown = actions.get(..most).unwrap_or(actions);
        self.raw("<dl class=\"names\">");
        for group in shown.chunk_by(|a, b| service(a) == service(b)) {
            let names: Vec<&str> = group
                .iter()
                .map(|action| action.split_once(':').map_or(action.as_str(), |(_, name)| name))
                .collect();
            self.raw("<div>").element("dt", "", &group.first().map(service).unwrap_or_default());
            self.element("dd", "", &names.join(", ")).raw("</div>");
        }
        if actions.len() > most {
            self.raw("<div><dt></dt><dd>and ").number((actions.len() - most) as u64);
            self.raw(" further, in report.json</dd></div>");
        }
        self.raw("</dl>")
    }

    /// Sentences as a list; nothing when there are none.
    pub(super) fn sentences(&mut self, class: &'static str, texts: &[String]) -> &mut Self {
        if texts.is_empty() {
            return self;
        }
        self.raw("<ul class=\"").raw(class).raw("\">");
        for text in texts {
            self.raw("<li>").prose(text).raw("</li>");
        }
        self.raw("</ul>")
    }

    /// The start of a table that may be wider than the page: its caption, then its column heads (`#` in front for numbers).
    pub(super) fn table(&mut self, sortable: bool, caption: &str, columns: &[&'static str]) -> &mut Self {
        self.raw("<div class=\"scroll\" tabindex=\"0\" role=\"region\"").attribute("aria-label", caption);
        self.raw("><table").raw(if sortable { " data-sort" } else { "" }).raw(">");
        self.element("caption", "quiet", caption).raw("<thead><tr>");
        for column in columns {
            match column.strip_prefix('#') {
                Some(column) => self.raw("<th scope=\"col\" class=\"n\">").raw(column),
                None => self.raw("<th scope=\"col\">").raw(column),
            };
            self.raw("</th>");
        }
        self.raw("</tr></thead>")
    }

    /// The end of a table.
    pub(super) fn end_table(&mut self) -> &mut Self {
        self.raw("</tbody></table></div>\n")
    }

    /// What is folded below a summary, held back or not: see [`Markup::body`].
    pub(super) fn held(&mut self, is_held: bool, write: impl FnOnce(&mut Self)) -> &mut Self {
        self.raw(if is_held { "<noscript>" } else { "" });
        write(self);
        self.raw(if is_held { "</noscript>" } else { "" })
    }

    /// What is folded under a role, a workload or a namespace. Held back it stands inside `noscript`: a browser that runs the page's script
    /// takes that for one text, which the script makes into a part of the page when its fold is opened; one without shows it as it is.
    ///
    /// INVARIANT: no text can end the element, because its `<` is escaped as everywhere.
    pub(super) fn body(&mut self, anchor: &str, is_held: bool, write: impl FnOnce(&mut Self)) -> &mut Self {
        self.raw("<div class=\"role-body\"").attribute("id", anchor).raw(">");
        self.held(is_held, write).raw("</div>")
    }

    /// The finished text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The lines of a JSON document as shown. Line ends are the printer's own: inside JSON strings they are written `\n`.
pub(super) fn json_lines(value: &Value) -> Vec<String> {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
