//! The catalogue: a page in Markdown for each code, and one that lists them.
//!
//! The pages lie in `src/finding/docs`, written from here and compared byte for byte by a test, so that what is told of a finding is told
//! once.

use std::fmt::Write as _;

use super::{Code, Controls, Severity};

const SCORE: &str = "\
## The excess score

Every role has a score from 0 to 100 in the report (`privilege.before.score`, and `privilege.after.score` for what is proposed):

```text
           sum of weight(action) over the granted actions shown to be unused
score = 100 × ------------------------------------------------------------------
           sum of weight(action) over all granted actions

weight(action) = level × reach
level          = 10 permissions management, 3 write, 2 tagging, 1 read, 0 list
reach          = 2 where the action is granted on every resource of one of its types, else 1
```

An action of several levels has the heaviest. What a deny, a boundary or an organization policy takes away is not counted as granted. Shown to be
unused is what has the verdict `unused`: an action the logs could not have shown weighs in the sum below the line only, so that lacking logs never make a
score worse. The sums stand in the report too (`excess`, `weight`), and so does the weight of everything that was not seen (`gap`), whatever the reason.
The score is rounded to whole numbers, half up, and 0 where nothing granted weighs anything.

Severities of findings do not follow the score; each has the rule on its page.
";

const SUPPRESSION: &str = "\
## Findings that are meant to be

A finding that somebody answers for is excepted in `leastwise.toml`:

```toml
[[exceptions]]
code = \"unused-role\"                              # or any code, when a subject is given
subject = \"arn:aws:iam::*:role/break-glass-*\"     # or any subject, when a code is given; * and ? match
reason = \"emergency access, tested each spring\"
owner = \"platform-team\"
expires = \"2027-03-31\"
```

`reason`, `owner` and `expires` are asked for. The finding stays in every output, with the exception beside it, and does not count for `--fail-on`. From the
day of `expires` on it counts again, and the run says so. An exception that matches nothing is a finding of its own,
[`unmatched-exception`](unmatched-exception.md). A finding has the same `id` in every run, whatever else is found.
";

/// The page of one code.
pub fn page(code: Code) -> String {
    let info = code.info();
    let mut out = format!("# {}\n\n{}.\n", info.word, info.title);
    for (title, text) in
        [("What it means", info.meaning), ("How severe it is", info.severity_rule), ("What to do", info.fix)]
    {
        // `fmt::Write` for a `String` cannot fail.
        let _ = write!(out, "\n## {title}\n\n{}\n", sentence(text));
    }
    let Controls { soc2, iso27001, nist_800_53 } = info.controls;
    let _ = write!(
        out,
        "\n## Controls it is evidence for\n\n| framework | controls |\n|---|---|\n| SOC 2 (Trust Services Criteria) | {} |\n\
         | ISO/IEC 27001:2022, Annex A | {} |\n| NIST SP 800-53, revision 5 | {} |\n",
        soc2.join(", "),
        iso27001.join(", "),
        nist_800_53.join(", ")
    );
    let _ = write!(
        out,
        "\n## When it is meant to be\n\n```toml\n[[exceptions]]\ncode = \"{}\"\nsubject = \"…\"\nreason = \"…\"\nowner = \"…\"\nexpires = \"YYYY-MM-DD\"\n```\n",
        info.word
    );
    out
}

/// The page that lists all codes, and tells of scores, severities and exceptions.
pub fn index() -> String {
    let mut out = "# What leastwise finds\n\n\
        One page for each kind of finding. The controls are this project's reading of the control texts: a finding is evidence for them, not their \
        fulfilment.\n\n| code | usually | what |\n|---|---|---|\n"
        .to_owned();
    for code in Code::ALL {
        let info = code.info();
        let _ = writeln!(
            out,
            "| [`{}`]({}.md) | {} | {} |",
            info.word,
            info.word,
            info.usual_severity.as_str(),
            info.title
        );
    }
    out.push_str("\n## Severities and confidence\n\n| severity | means |\n|---|---|\n");
    for severity in [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info] {
        let _ = writeln!(out, "| {} | {} |", severity.as_str(), severity.meaning());
    }
    out.push_str(
        "\nConfidence is `high` where the finding follows from what was read, `medium` where it rests on an inference that its text names, and \
         `low` where something the logs or the snapshot lack could turn it round.\n\n",
    );
    out.push_str(SCORE);
    out.push('\n');
    out.push_str(SUPPRESSION);
    out
}

/// A text that begins with a small letter, as a sentence.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
